package function

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
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
		panic(fmt.Sprintf("credit-lookup: params.json: %v", err))
	}
	return f.Params
}()

// n is a parameter; a name that is not there is a mistake in our code.
func (p params) n(name string) int {
	v, ok := p[name]
	if !ok {
		panic("credit-lookup: no parameter " + name)
	}
	return v.Value
}

func (p params) seconds(name string) time.Duration { return time.Duration(p.n(name)) * time.Second }

// public is a Cache-Control that lets anybody keep an answer so long.
func (p params) public(name string) string { return "public, max-age=" + strconv.Itoa(p.n(name)) }
