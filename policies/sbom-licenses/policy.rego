package muster.policies.sbom_licenses

import rego.v1

banned := {license | some license in input.args.banned}

deny contains violation if {
	some index, component in input.components
	some choice in component.licenses
	license := object.get(choice, ["license", "id"], object.get(choice, "expression", ""))
	license in banned
	violation := {
		"rule": "banned-license",
		"code": sprintf("banned-license:%s", [license]),
		"message": sprintf("%s %s is under %s", [component.name, object.get(component, "version", ""), license]),
		"pointer": sprintf("/components/%d/licenses", [index]),
		"severity": "high",
		"fix": "replace the component, or ask for a waiver",
		"data": {"component": component.name, "version": object.get(component, "version", ""), "license": license},
	}
}

undecided contains "the SBOM lists no components" if count(object.get(input, "components", [])) == 0
