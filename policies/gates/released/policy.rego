package muster.gates.released

import rego.v1

day_ns := ((24 * 60) * 60) * 1000000000

attestations := [node.attestation | some node in input.lineage.nodes; node.kind == "attestation"]

# The attestations that made the artifact itself.
own := [attestation | some attestation in attestations; input.artifact.digest in attestation.subjects]

age_days(attestation) := (time.now_ns() - time.parse_rfc3339_ns(attestation.received_at)) / day_ns

under_contract := [attestation | some attestation in own; attestation.contract == input.args.contract]

passing := [attestation | some attestation in under_contract; attestation.verdict == "passed"]

fresh := [attestation | some attestation in passing; age_days(attestation) <= input.args.max_age_days]

deny contains violation if {
	count(passing) == 0
	some attestation in under_contract
	attestation.verdict == "failed"
	violation := {
		"rule": "failed",
		"message": sprintf("the run %s/%s failed the contract `%s`", [attestation.project, attestation.workflow, attestation.contract]),
		"pointer": attestation.digest,
		"severity": "high",
		"fix": "look at the violations of this attestation, mend them and build again",
	}
}

deny contains violation if {
	count(passing) > 0
	count(fresh) == 0
	violation := {
		"rule": "too-old",
		"message": sprintf("no passing attestation is younger than %v days", [input.args.max_age_days]),
		"severity": "medium",
		"fix": "build again",
	}
}

deny contains violation if {
	count(own) > 0
	count(under_contract) == 0
	violation := {
		"rule": "other-contract",
		"message": sprintf("the artifact is attested under %s, not under `%s`", [concat(", ", sort({attestation.contract | some attestation in own})), input.args.contract]),
		"severity": "high",
		"fix": "build it by a workflow that has this contract",
	}
}

# Upstream, whatever we have attested must have passed somewhere.
deny contains violation if {
	some attestation in attestations
	not input.artifact.digest in attestation.subjects
	attestation.verdict == "failed"
	not redeemed(attestation)
	violation := {
		"rule": "upstream-failed",
		"message": sprintf("upstream, the run %s/%s failed the contract `%s`", [attestation.project, attestation.workflow, attestation.contract]),
		"pointer": attestation.digest,
		"severity": "high",
		"fix": "build the upstream artifact again, and this one from it",
	}
}

# Another attestation of the same subject passed.
redeemed(attestation) if {
	some other in attestations
	other.verdict == "passed"
	some subject in attestation.subjects
	subject in other.subjects
}

undecided contains sprintf("the run %s/%s was indeterminate", [attestation.project, attestation.workflow]) if {
	count(passing) == 0
	some attestation in under_contract
	attestation.verdict == "indeterminate"
}

undecided contains sprintf("upstream, the run %s/%s was indeterminate", [attestation.project, attestation.workflow]) if {
	some attestation in attestations
	not input.artifact.digest in attestation.subjects
	attestation.verdict == "indeterminate"
	not redeemed(attestation)
}
