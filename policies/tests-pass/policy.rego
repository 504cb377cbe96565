package muster.policies.tests_pass

import rego.v1

ran := count([1 | some suite in input.suites; some case in suite.cases; case.status != "skipped"])

skipped := count([1 | some suite in input.suites; some case in suite.cases; case.status == "skipped"])

deny contains violation if {
	some number, suite in input.suites
	some index, case in suite.cases
	case.status in {"failed", "error"}
	violation := {
		"rule": "test-failed",
		"code": sprintf("test-failed:%s", [case.name]),
		"message": sprintf("the test %s %s", [case.name, verb[case.status]]),
		"pointer": sprintf("/suites/%d/cases/%d", [number, index]),
		"severity": "high",
		"fix": "mend the test or the code",
	}
}

verb := {"failed": "failed", "error": "ended in an error"}

deny contains violation if {
	ran < input.args.min_tests
	violation := {
		"rule": "too-few-tests",
		"message": sprintf("%d tests ran, at least %v must", [ran, input.args.min_tests]),
		"severity": "medium",
	}
}

deny contains violation if {
	skipped > input.args.max_skipped
	violation := {
		"rule": "too-many-skipped",
		"message": sprintf("%d tests were skipped, at most %v may be", [skipped, input.args.max_skipped]),
		"severity": "medium",
	}
}

undecided contains "the report holds no test suites" if not input.suites
