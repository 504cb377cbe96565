package muster.policies.sarif_severity

import rego.v1

rank := {"none": 0, "note": 1, "warning": 2, "error": 3}

severity := {"note": "low", "warning": "medium", "error": "high"}

# The level of a result is its own, else the default of SARIF 2.1.0 §3.27.10.
level(result) := object.get(result, "level", "warning")

suppressed(result) if count(object.get(result, "suppressions", [])) > 0

deny contains violation if {
	some number, run in input.runs
	some index, result in run.results
	not suppressed(result)
	rank[level(result)] >= rank[input.args.fail_on]
	location := object.get(result, ["locations", 0, "physicalLocation"], {})
	violation := {
		"rule": "finding",
		"code": sprintf("finding:%s", [object.get(result, "ruleId", "unknown")]),
		"message": sprintf("%s: %s", [object.get(result, "ruleId", "unknown"), object.get(result, ["message", "text"], "")]),
		"pointer": sprintf("/runs/%d/results/%d", [number, index]),
		"severity": severity[level(result)],
		"fix": sprintf("look at %s:%v", [
			object.get(location, ["artifactLocation", "uri"], "the result"),
			object.get(location, ["region", "startLine"], "?"),
		]),
	}
}

undecided contains sprintf("`%s` is not a level: use note, warning or error", [input.args.fail_on]) if not rank[input.args.fail_on]

undecided contains "the log holds no runs, so no tool looked" if count(object.get(input, "runs", [])) == 0

undecided contains sprintf("run %d has no results, so its tool did not finish", [number]) if {
	some number, run in input.runs
	not is_array(object.get(run, "results", null))
}
