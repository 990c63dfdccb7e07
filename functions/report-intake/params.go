package function

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"ipcredit/shared/pace"
)

//go:embed params.json
var paramData []byte

// params are the numbers this function works by, each with its mark in
// params.json.
type params map[string]struct {
	Value int    `json:"value"`
	Mark  string `json:"mark"`
	Why   string `json:"why"`
}

var chosen = func() params {
	var f struct {
		Source, AsOf string
		Params       params
	}
	if err := json.Unmarshal(paramData, &f); err != nil {
		panic(fmt.Sprintf("report-intake: params.json: %v", err))
	}
	return f.Params
}()

// n is a parameter; a name that is not there is a mistake in our code.
func (p params) n(name string) int {
	v, ok := p[name]
	if !ok {
		panic("report-intake: no parameter " + name)
	}
	return v.Value
}

func (p params) hours(name string) time.Duration { return time.Duration(p.n(name)) * time.Hour }

func (p params) minutes(name string) time.Duration { return time.Duration(p.n(name)) * time.Minute }

func (p params) seconds(name string) time.Duration { return time.Duration(p.n(name)) * time.Second }

// rate is the limit whose two parameters have these names.
func (p params) rate(perMinute, burst string) pace.Limit {
	return pace.Limit{PerMinute: p.n(perMinute), Burst: p.n(burst)}
}
