package muster.gates.endorsed

import rego.v1

about_it := [node.imported | some node in input.lineage.nodes; input.artifact.digest in node.imported.subjects]

wanted := [imported |
	some imported in about_it
	imported.trust_root == input.args.trust_root
	imported.predicate_type == input.args.predicate_type
]

believed := [imported | some imported in wanted; imported.believed]

deny contains violation if {
	count(wanted) == 0
	violation := {
		"rule": "not-endorsed",
		"message": sprintf("nobody whom the trust root `%s` believes says `%s` about it", [input.args.trust_root, input.args.predicate_type]),
		"severity": "high",
		"fix": "import the attestation: muster attest import FILE",
	}
}

deny contains violation if {
	count(wanted) > 0
	count(believed) == 0
	some imported in wanted
	violation := {
		"rule": "not-believed",
		"message": sprintf("who said `%s` about it is not believed under `%s` any more", [input.args.predicate_type, input.args.trust_root]),
		"pointer": imported.digest,
		"severity": "high",
		"fix": "have it built and attested again by somebody whom the trust root names",
	}
}
