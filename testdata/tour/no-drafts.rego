# A policy of the team's own, about the run as a whole.
package acme.no_drafts

import rego.v1

deny contains violation if {
	startswith(input.annotations.team, "draft")
	violation := {
		"rule": "draft-team",
		"message": sprintf("the team `%s` is a draft", [input.annotations.team]),
		"fix": "name the team that will carry the pager",
	}
}
