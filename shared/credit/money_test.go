package credit

import (
	"testing"

	"ipcredit/shared/fault"

	"pgregory.net/rapid"
)

func TestMoneyInWanBecomesFenExactly(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		fen  int64
		code string
	}{
		{in: "0", fen: 0},
		{in: "1", fen: 1_000_000},
		{in: "0.1", fen: 100_000},
		{in: "0.0001", fen: 100},
		{in: "0.000001", fen: 1},
		{in: "1.234567", fen: 1_234_567},
		{in: "1.23456700", fen: 1_234_567},
		{in: "1,234.5", fen: 1_234_500_000},
		{in: "100000000", fen: 100_000_000_000_000},
		{in: "007", fen: 7_000_000},
		{in: "0.0000001", code: "credit.money_decimals"},
		{in: "1.2345678", code: "credit.money_decimals"},
		{in: "0.30000000000000004", code: "credit.money_decimals"},
		{in: "100000000.000001", code: "credit.money_too_large"},
		{in: "99999999999999999999", code: "credit.money_too_large"},
		{in: "-1", code: "credit.money_negative"},
		{in: "1e3", code: "credit.money_form"},
		{in: "1.", code: "credit.money_form"},
		{in: ".5", code: "credit.money_form"},
		{in: "1,23", code: "credit.money_form"},
		{in: "1234,567", code: "credit.money_form"},
		{in: "五万", code: "credit.money_form"},
		{in: "", code: "credit.money_form"},
	}
	for _, tt := range tests {
		fen, err := ParseWan(tt.in)
		if f, ok := fault.Of(err); tt.code == "" && (err != nil || fen != tt.fen) || tt.code != "" && (!ok || f.Code != tt.code) {
			t.Errorf("ParseWan(%q) = %d, %v; want %d %s", tt.in, fen, err, tt.fen, tt.code)
		}
	}
}

func TestMoneyThereAndBackIsTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		fen := rapid.Int64Range(0, maxWan*fenPerWan).Draw(t, "fen")
		if got, err := ParseWan(Wan(fen)); err != nil || got != fen {
			t.Fatalf("%d is written %s and read %d, %v", fen, Wan(fen), got, err)
		}
	})
}
