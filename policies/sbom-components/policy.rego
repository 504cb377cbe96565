package muster.policies.sbom_components

import rego.v1

banned := {name | some name in input.args.banned}

deny contains violation if {
	some index, component in input.components
	component.name in banned
	violation := {
		"rule": "banned-component",
		"code": sprintf("banned-component:%s", [component.name]),
		"message": sprintf("%s %s must not be used", [component.name, object.get(component, "version", "")]),
		"pointer": sprintf("/components/%d", [index]),
		"severity": "high",
		"fix": "remove the dependency",
		"data": {"component": component.name, "version": object.get(component, "version", "")},
	}
}

deny contains violation if {
	input.args.require_purl
	some index, component in input.components
	component.type == "library"
	object.get(component, "purl", "") == ""
	violation := {
		"rule": "no-purl",
		"message": sprintf("%s has no package URL", [component.name]),
		"pointer": sprintf("/components/%d", [index]),
		"severity": "low",
		"fix": "use a tool that writes package URLs",
	}
}

warn contains warning if {
	some index, component in input.components
	component.type == "library"
	object.get(component, "version", "") == ""
	warning := {
		"rule": "no-version",
		"message": sprintf("%s has no version", [component.name]),
		"pointer": sprintf("/components/%d", [index]),
	}
}

undecided contains "the SBOM lists no components" if count(object.get(input, "components", [])) == 0
