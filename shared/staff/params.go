package staff

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"

	"ipcredit/shared/ruleset"
)

//go:embed data
var data embed.FS

// Params are the numbers of this package, read from data/params.json.
type Params struct{ ruleset.Chosen }

var defaults = sync.OnceValue(func() ruleset.Chosen {
	b, err := data.ReadFile("data/params.json")
	if err != nil {
		panic(fmt.Sprintf("staff: %v", err))
	}
	return ruleset.ReadChosen(b)
})

// Defaults returns a copy of the embedded parameters.
func Defaults() Params { return Params{maps.Clone(defaults())} }

// Set returns p with one value replaced; it changes p. For tests and settings.
func (p Params) Set(name string, value int) Params {
	v := p.Chosen[name]
	v.Value = value
	p.Chosen[name] = v
	return p
}

// read decodes an embedded data file. A broken one is a broken build: a test
// reads them all, so the panic cannot reach a running city.
func read(name string, v any) {
	b, err := data.ReadFile("data/" + name)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		panic(fmt.Sprintf("staff: data/%s: %v", name, err))
	}
}

// District is one division with its place in the pilot.
type District struct {
	Code string `json:"code"`
	// Level is "province", "city", "county" or "zone". A zone is a statistical
	// area, not a GB/T 2260 division (domain.md G.6): the credit code never
	// tells it, an officer confirms it by address.
	Level string `json:"level"`
	Above string `json:"above"`
	// Competent is the division whose bureau signs instruments for it.
	Competent string   `json:"competent"`
	Pilot     bool     `json:"pilot"`
	Flags     []string `json:"flags"`
}

var districts = sync.OnceValue(func() []District {
	var f struct{ Districts []District }
	read("districts.json", &f)
	return f.Districts
})

// Districts lists the divisions of the city and the province above it.
func Districts() []District { return append([]District(nil), districts()...) }

// DistrictOf returns the division with this code.
func DistrictOf(code string) (District, bool) {
	for _, d := range districts() {
		if d.Code == code {
			return d, true
		}
	}
	return District{}, false
}

// Feature tells whether a pilot feature is switched on for a division.
func Feature(division, flag string) bool {
	d, ok := DistrictOf(division)
	if !ok {
		return false
	}
	for _, f := range d.Flags {
		if f == flag {
			return true
		}
	}
	return false
}

// covers tells whether authority over division a reaches division b: the same,
// or one beneath it.
func covers(a, b string) bool {
	for b != "" {
		if a == b {
			return true
		}
		d, ok := DistrictOf(b)
		if !ok {
			return false
		}
		b = d.Above
	}
	return false
}

// Basis is a legal basis as notices and rules print it.
type Basis struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Number string `json:"number"`
	Issuer string `json:"issuer"`
	From   string `json:"from"` // first day in force, "" not recorded
	To     string `json:"to"`   // last day in force, "" still in force
	Mark   string `json:"mark"`
}

var bases = sync.OnceValue(func() []Basis {
	var f struct{ Bases []Basis }
	read("bases.json", &f)
	return f.Bases
})

// Bases lists the legal bases (S1.2).
func Bases() []Basis { return append([]Basis(nil), bases()...) }

// InForce tells whether the basis applied on the day of at.
func (b Basis) InForce(at time.Time) bool { return Span{From: b.From, To: b.To}.In(at) }
