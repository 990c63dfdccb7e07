package ruleset

import (
	"encoding/json"
	"fmt"
	"time"
)

// Chosen are numbers that a room works by and that no law dates: each with the
// mark that says where it is from and why it is as it is. They stand in an
// embedded file beside the code that uses them.
type Chosen map[string]Param

// Param is one number, with the mark that says whether we chose it or took it from
// a source ("[design]", "[memory-check]", …). Pages that show it show the mark.
type Param struct {
	Value int    `json:"value"`
	Mark  string `json:"mark"`
	Why   string `json:"why"`
}

// ReadChosen reads such a file: {"source", "asOf", "params": {name: {value, mark,
// why}}}. A broken one, and one with a number that does not say why, is a broken
// build; it panics.
func ReadChosen(data []byte) Chosen {
	var f struct {
		Source, AsOf string
		Params       Chosen
	}
	if err := json.Unmarshal(data, &f); err != nil {
		panic(fmt.Sprintf("ruleset: chosen numbers: %v", err))
	}
	if f.Source == "" || f.AsOf == "" || len(f.Params) == 0 {
		panic("ruleset: chosen numbers without source and date")
	}
	for name, p := range f.Params {
		if p.Mark == "" || p.Why == "" {
			panic("ruleset: chosen number " + name + " does not say why")
		}
	}
	return f.Params
}

// N is a number; a name that is not there is a mistake in our code and panics.
func (c Chosen) N(name string) int {
	v, ok := c[name]
	if !ok {
		panic("ruleset: no chosen number " + name)
	}
	return v.Value
}

// Seconds, Minutes, Hours and Days are a number of them, as a duration; a day has
// 24 hours.
func (c Chosen) Seconds(name string) time.Duration { return time.Duration(c.N(name)) * time.Second }

// Minutes: see Seconds.
func (c Chosen) Minutes(name string) time.Duration { return time.Duration(c.N(name)) * time.Minute }

// Hours: see Seconds.
func (c Chosen) Hours(name string) time.Duration { return time.Duration(c.N(name)) * time.Hour }

// Days: see Seconds.
func (c Chosen) Days(name string) time.Duration { return time.Duration(c.N(name)) * 24 * time.Hour }
