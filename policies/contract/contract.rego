# METADATA
# title: The demands of a contract
# description: >-
#   Derives, from `data.contract` and the run in `input`, every demand of a contract that the run does not meet. What is
#   not known is said through `undecided`, never left out.
package muster.contract

import rego.v1

import data.contract

given := {material.name: material | some material in input.materials}

# A material that was asked for and is not there.
deny contains violation if {
	some demand in contract.materials
	not demand.optional
	not demand.group
	not given[demand.name]
	violation := {
		"rule": "material-missing",
		"code": sprintf("material-missing:%s", [demand.name]),
		"message": sprintf("the material `%s` (%s) is missing", [demand.name, demand.kind]),
		"fix": sprintf("hand it over: %s=FILE", [demand.name]),
		"data": {"material": demand.name, "kind": demand.kind},
	}
}

# A group of which no member is there.
deny contains violation if {
	groups := {demand.group | some demand in contract.materials; demand.group}
	some group in groups
	members := {demand.name | some demand in contract.materials; demand.group == group}
	present := {name | some name in members; given[name]}
	count(present) == 0
	violation := {
		"rule": "group-empty",
		"code": sprintf("group-empty:%s", [group]),
		"message": sprintf("no material of the group `%s` is there", [group]),
		"fix": sprintf("hand over at least one of: %s", [concat(", ", sort(members))]),
		"data": {"group": group, "members": sort(members)},
	}
}

# A material of another kind than was asked for.
deny contains violation if {
	some demand in contract.materials
	material := given[demand.name]
	material.kind != demand.kind
	violation := {
		"rule": "material-kind",
		"code": sprintf("material-kind:%s", [demand.name]),
		"message": sprintf("the material `%s` must be %s, and is %s", [demand.name, demand.kind, material.kind]),
		"data": {"material": demand.name},
	}
}

# A material whose content is not what its kind says.
deny contains violation if {
	some material in input.materials
	some problem in material.problems
	violation := {
		"rule": "material-invalid",
		"code": sprintf("material-invalid:%s", [material.name]),
		"message": sprintf("the material `%s` is not a valid %s: %s", [material.name, material.kind, problem.message]),
		"pointer": problem.pointer,
		"fix": "make it again with a tool that writes this format, or declare another kind",
		"data": {"material": material.name},
	}
}

# A material whose content does not satisfy the schema in the contract.
deny contains violation if {
	some material in input.materials
	some mismatch in material.mismatches
	violation := {
		"rule": "material-schema",
		"code": sprintf("material-schema:%s", [material.name]),
		"message": sprintf("the material `%s` does not satisfy the contract's schema: %s", [material.name, mismatch.message]),
		"pointer": mismatch.pointer,
		"data": {"material": material.name},
	}
}

# A CI system that is not accepted.
deny contains violation if {
	kinds := contract.runner.kinds
	count(kinds) > 0
	not input.runner.kind in kinds
	violation := {
		"rule": "runner-kind",
		"message": sprintf("the run took place on %s; the contract accepts %s", [input.runner.kind, concat(", ", kinds)]),
		"fix": "run the job where the contract wants it, or change the contract",
	}
}

# A machine operated by someone else than the contract wants.
deny contains violation if {
	wanted := contract.runner.environment
	actual := input.runner.environment
	actual != "unknown"
	actual != wanted
	violation := {
		"rule": "runner-environment",
		"message": sprintf("the runner is %s; the contract wants it %s", [actual, wanted]),
		"fix": sprintf("run the job on a %s runner", [wanted]),
	}
}

undecided contains message if {
	wanted := contract.runner.environment
	input.runner.environment == "unknown"
	message := sprintf("the contract wants a %s runner, and it cannot be told who operates this one", [wanted])
}

# An environment variable that must be recorded and is not set.
deny contains violation if {
	some name in contract.environment.required
	object.get(input.environment, name, "") == ""
	violation := {
		"rule": "environment-missing",
		"code": sprintf("environment-missing:%s", [name]),
		"message": sprintf("the environment variable `%s` is not set", [name]),
		"fix": "set it in the job",
	}
}

# An annotation that the job must make and did not.
deny contains violation if {
	some demand in contract.annotations
	not demand.value
	object.get(input.annotations, demand.name, "") == ""
	violation := {
		"rule": "annotation-missing",
		"code": sprintf("annotation-missing:%s", [demand.name]),
		"message": sprintf("the annotation `%s` is not set", [demand.name]),
		"fix": sprintf("set it: --annotation %s=VALUE", [demand.name]),
	}
}

# An annotation whose value the contract fixes, and the job changed.
deny contains violation if {
	some demand in contract.annotations
	demand.value
	actual := object.get(input.annotations, demand.name, demand.value)
	actual != demand.value
	violation := {
		"rule": "annotation-fixed",
		"code": sprintf("annotation-fixed:%s", [demand.name]),
		"message": sprintf("the annotation `%s` is fixed to `%s`, and the job set `%s`", [demand.name, demand.value, actual]),
		"fix": "leave it out",
	}
}

# Evidence that could not be judged.
undecided contains message if {
	some material in input.materials
	material.undecided
	message := sprintf("the material `%s` cannot be judged: %s", [material.name, material.undecided])
}
