# Gathers what the contract's rules and policies say into one verdict, as Muster does.
package muster.verdict

import rego.v1

# What could not be evaluated proves nothing.
default verdict := "indeterminate"

verdict := "failed" if count(enforced) > 0

else := "passed" if {
	count(unproven) == 0
	count(input.materials) > 0
	data.muster.demands_something == true
}

enforced contains finding if some finding in data.muster.contract.deny

enforced contains finding if {
	some finding in findings
	finding.role == "violations"
	data.muster.attachments[finding.attachment].enforced
}

unproven contains finding if some finding in data.muster.contract.undecided

unproven contains finding if {
	some finding in findings
	finding.role == "doubts"
	data.muster.attachments[finding.attachment].enforced
}

findings contains finding if {
	some report in reports
	well_formed(report.value)
	some value in report.value
	finding := {"attachment": report.attachment, "role": report.role, "value": value}
}

# A policy that reports in another form has not said that all is well.
findings contains finding if {
	some report in reports
	not well_formed(report.value)
	finding := {"attachment": report.attachment, "role": "doubts", "value": report.value}
}

well_formed(value) if {
	is_collection(value)
	every entry in value {
		is_finding(entry)
	}
}

is_collection(value) if is_set(value)

is_collection(value) if is_array(value)

is_finding(entry) if is_string(entry)

is_finding(entry) if {
	is_object(entry)
	lower(object.get(entry, "severity", "info")) in severities
}

severities := {
	"info", "informational", "note", "none", "low", "minor", "medium", "moderate", "warning", "high", "major",
	"error", "critical",
}

selects(on, material) if on.material == material.name

selects(on, material) if on.kind == material.kind

selects(on, material) if startswith(material.name, on.prefix)

described(material) := object.remove(material, ["content"])

# The documents that an attachment judges: the content of materials, with what Muster says about them in place of
# whatever the content says under these names.
materials(number) := [document |
	attachment := data.muster.attachments[number]
	some material in input.materials
	selects(attachment.on, material)
	document := object.union(object.remove(as_object(material.content), ["args", "muster"]), {
		"args": attachment.arguments,
		"muster": {"material": described(material), "run": object.remove(input, ["materials"])},
	})
]

run(number) := [object.union(object.remove(input, ["materials"]), {
	"args": data.muster.attachments[number].arguments,
	"materials": [described(material) | some material in input.materials],
})]

as_object(content) := content if is_object(content)

else := {"elements": content} if is_array(content)

else := {"value": content}

# There is at least one rule, also when the contract has no policy.
reports contains report if some report in []
