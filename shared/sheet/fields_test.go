package sheet

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ipcredit/shared/fault"
)

type tone string

var (
	tones  = NewWords[tone]([][]string{{"loud", "响", "大声 高声"}, {"soft", "轻", ""}})
	spoken = Schema{Name: "spoken", Columns: Columns([][]any{
		{"code", "代码", "code", true, "1", ""},
		{"on", "日期", "date", false, "2026-05-20", ""},
		{"tone", "声音", "tone", false, "响", "大小"},
		{"note", "备注", "text", false, "", ""},
	}, map[string][]string{"tone": tones.Offered})}
)

func TestColumnsAreAsTheTableHasThem(t *testing.T) {
	t.Parallel()
	want := []Column{
		{Field: "code", Header: "代码", Kind: Code, Required: true, Example: "1"},
		{Field: "on", Header: "日期", Kind: Date, Example: "2026-05-20"},
		{Field: "tone", Header: "声音", Choices: []string{"响", "轻"}, Example: "响", Note: "大小"},
		{Field: "note", Header: "备注"},
	}
	if diff := cmp.Diff(want, spoken.Columns); diff != "" {
		t.Error(diff)
	}
	defer func() {
		if said, _ := recover().(string); !strings.Contains(said, "pitch") {
			t.Errorf("a kind that nobody knows: %q", said)
		}
	}()
	Columns([][]any{{"x", "甲", "pitch", false, "", ""}}, nil)
}

func TestAFieldHasAtMostOneProblemTheFirst(t *testing.T) {
	t.Parallel()
	three := func(s string) (int, error) {
		if s != "3" {
			return 9, fault.New(fault.Invalid, "test.three", s)
		}
		return 3, nil
	}
	broken := func(string) (int, error) { return 9, errors.New("no fault") }
	for _, tt := range []struct {
		name   string
		values map[string]string
		read   func(string) (int, error)
		want   int
		codes  string
	}{
		{"good", map[string]string{"code": "3"}, three, 3, ""},
		{"refused", map[string]string{"code": "4"}, three, 0, "code test.three"},
		{"missing is not read", nil, three, 0, "code sheet.required"},
		{"no fault of ours", map[string]string{"code": "4"}, broken, 0, "code sheet.value"},
	} {
		f := NewRow(spoken, 1, tt.values).Fields()
		got := Field(f, "code", tt.read)
		if again := Field(f, "code", three); f.Bad("code") && again != 0 {
			t.Errorf("%s: a bad field was read again", tt.name)
		}
		if f.Bad("code") {
			f.Add("code", "test.second")
		}
		var codes []string
		for _, p := range f.Problems() {
			codes = append(codes, p.Field+" "+p.Code)
		}
		if got != tt.want || strings.Join(codes, ",") != tt.codes {
			t.Errorf("%s: %d, %q", tt.name, got, codes)
		}
	}
}

func TestWordsAreReadInWhateverWidthCaseAndSpacing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   string
		want tone
	}{{"响", "loud"}, {"高声", "loud"}, {"大 声", "loud"}, {"ＬＯＵＤ", "loud"}, {"Soft", "soft"}, {"轻", "soft"}, {"", ""}, {"轻声", ""}} {
		f := NewRow(spoken, 1, map[string]string{"code": "3", "tone": tt.in}).Fields()
		got := Word(f, "tone", "test.tone", tones)
		if bad := tt.in != "" && tt.want == ""; got != tt.want || f.Bad("tone") != bad {
			t.Errorf("%q: %q %+v", tt.in, got, f.Problems())
		}
		if f.Bad("tone") && !slices.Equal(f.Problems()[0].Args, []any{"响、轻"}) {
			t.Errorf("%q: %v", tt.in, f.Problems())
		}
	}
	for value, want := range map[tone]string{"loud": "响", "soft": "轻", "none": ""} {
		if got := tones.Offer(value); got != want {
			t.Errorf("%s: offered as %q", value, got)
		}
	}
}
