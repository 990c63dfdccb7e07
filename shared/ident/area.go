package ident

import (
	_ "embed"
	"strings"
	"time"

	"ipcredit/shared/fault"
)

// AreaKind is what an area is in law.
type AreaKind string

// The kinds. A zone is a development zone with a statistical code: it is no
// division of GB/T 2260, no credit code tells that a subject lies in it, and an
// officer decides it by the address.
const (
	Province AreaKind = "province"
	City     AreaKind = "city"
	County   AreaKind = "county"
	Zone     AreaKind = "zone"
)

// Area is one row of the city's area table.
type Area struct {
	Code  string
	Kind  AreaKind
	Name  string
	Pilot bool // takes part in the pilot of 新知战联办〔2022〕8号, S2.1
	// From and To bound the days, written 2006-01-02, on which the row is in
	// force; empty is unbounded.
	From, To string
	// Successor is the code that took over from a row no longer in force.
	Successor string
}

//go:embed data/areas.txt
var areaData string

var areas = func() []Area {
	var list []Area
	for _, row := range lines(areaData) {
		f := strings.Split(row, "\t")
		list = append(list, Area{Code: f[0], Kind: AreaKind(f[1]), Name: f[2], Pilot: f[3] != "", From: f[4], To: f[5], Successor: f[6]})
	}
	return list
}()

var areaNames = func() map[string]string {
	names := map[string]string{}
	for _, d := range divisions {
		if d.kind == "zone" {
			names[d.full] = d.code
		}
	}
	for _, a := range areas {
		names[a.Name] = a.Code
		if a.Kind == County {
			names["新乡市"+a.Name] = a.Code
		}
	}
	return names
}()

// Areas lists the areas in force on the day it is in China at the instant on,
// by code: the province, the city, its county-level units and its zones.
func Areas(on time.Time) []Area {
	day := on.In(cst).Format(time.DateOnly)
	var list []Area
	for _, a := range areas {
		if (a.From == "" || a.From <= day) && (a.To == "" || day <= a.To) {
			list = append(list, a)
		}
	}
	return list
}

// AreaOf finds an area by its code, in force or not: old records keep old codes.
func AreaOf(code string) (Area, bool) {
	for _, a := range areas {
		if a.Code == code {
			return a, true
		}
	}
	return Area{}, false
}

// ParseArea reads an area code or an area's name (红旗区, 新乡市红旗区, 高新区).
func ParseArea(s string) (Area, error) {
	t := strings.TrimPrefix(fold(s), "河南省")
	if t == "" {
		t = fold(s)
	}
	if a, ok := AreaOf(t); ok {
		return a, nil
	}
	if code, ok := areaNames[t]; ok {
		a, _ := AreaOf(code)
		return a, nil
	}
	if len(t) > 60 || CheckText(s) != nil {
		t = ""
	}
	return Area{}, fault.New(fault.Invalid, "ident.area.unknown", t)
}
