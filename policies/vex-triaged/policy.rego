package muster.policies.vex_triaged

import rego.v1

deny contains violation if {
	some index, statement in input.statements
	statement.status == "under_investigation"
	violation := {
		"rule": "under-investigation",
		"message": sprintf("%s is still under investigation", [name(statement)]),
		"pointer": sprintf("/statements/%d", [index]),
		"severity": "medium",
		"fix": "decide, and say so in the document",
	}
}

deny contains violation if {
	some index, statement in input.statements
	statement.status == "affected"
	object.get(statement, "action_statement", "") == ""
	violation := {
		"rule": "affected-without-action",
		"message": sprintf("%s affects the product, and no action is stated", [name(statement)]),
		"pointer": sprintf("/statements/%d", [index]),
		"severity": "high",
		"fix": "add an action_statement",
	}
}

name(statement) := statement.vulnerability.name

else := "a vulnerability without a name"

undecided contains "the document makes no statements" if count(object.get(input, "statements", [])) == 0
