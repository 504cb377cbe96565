package muster.policies.sbom_freshness

import rego.v1

day_ns := ((24 * 60) * 60) * 1000000000

made_ns := time.parse_rfc3339_ns(input.metadata.timestamp)

age_days := (time.now_ns() - made_ns) / day_ns

deny contains violation if {
	age_days > input.args.max_age_days
	violation := {
		"rule": "too-old",
		"message": sprintf("the SBOM was made on %s, more than %v days ago", [input.metadata.timestamp, input.args.max_age_days]),
		"pointer": "/metadata/timestamp",
		"severity": "medium",
		"fix": "make the SBOM in the same job that builds the artifact",
	}
}

# An hour of clock skew is forgiven.
deny contains violation if {
	age_days < (0 - (1 / 24))
	violation := {
		"rule": "from-the-future",
		"message": sprintf("the SBOM says that it was made on %s, which is in the future", [input.metadata.timestamp]),
		"pointer": "/metadata/timestamp",
		"severity": "high",
		"fix": "correct the clock of the machine that made it",
	}
}

undecided contains "the SBOM does not say when it was made (metadata.timestamp)" if not made_ns
