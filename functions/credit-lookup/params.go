package function

import (
	_ "embed"
	"strconv"

	"ipcredit/shared/ruleset"
)

//go:embed params.json
var paramData []byte

// chosen are the numbers this function works by.
var chosen = ruleset.ReadChosen(paramData)

// public is a Cache-Control that lets anybody keep an answer so long.
func public(name string) string { return "public, max-age=" + strconv.Itoa(chosen.N(name)) }
