# Gathers what the contract's rules and policies say into one verdict, as Muster does.
package muster.verdict

import rego.v1

default verdict := "passed"

verdict := "failed" if count(enforced) > 0

else := "indeterminate" if count(unproven) > 0

enforced contains finding if some finding in data.muster.contract.deny

enforced contains finding if {
	some finding in violations
	data.muster.attachments[finding.attachment].enforced
}

unproven contains "the contract demands nothing" if not data.muster.demands_something

unproven contains "the run has no evidence" if count(input.materials) == 0

unproven contains finding if some finding in data.muster.contract.undecided

unproven contains finding if {
	some finding in doubts
	data.muster.attachments[finding.attachment].enforced
}

selects(on, material) if on.material == material.name

selects(on, material) if on.kind == material.kind

selects(on, material) if startswith(material.name, on.prefix)

# The documents that an attachment judges: the content of materials, with what Muster says about them laid over it.
materials(number) := {material.name: document |
	attachment := data.muster.attachments[number]
	some material in input.materials
	selects(attachment.on, material)
	document := object.union(as_object(material.content), {
		"args": attachment.arguments,
		"muster": {"material": object.remove(material, ["content"]), "run": object.remove(input, ["materials"])},
	})
}

run(number) := {"run": object.union(input, {"args": data.muster.attachments[number].arguments})}

as_object(content) := content if is_object(content)

else := {"elements": content} if is_array(content)

else := {"value": content}

# Each of these has at least one rule, also when no policy reports that way.
violations contains finding if some finding in []

warnings contains finding if some finding in []

doubts contains finding if some finding in []
