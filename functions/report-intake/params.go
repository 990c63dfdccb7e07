package function

import (
	_ "embed"

	"ipcredit/shared/pace"
	"ipcredit/shared/ruleset"
)

//go:embed params.json
var paramData []byte

// chosen are the numbers this function works by.
var chosen = ruleset.ReadChosen(paramData)

// rate is the limit whose two numbers have these names.
func rate(perMinute, burst string) pace.Limit {
	return pace.Limit{PerMinute: chosen.N(perMinute), Burst: chosen.N(burst)}
}
