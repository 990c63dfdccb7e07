package batch_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/xuri/excelize/v2"

	"ipcredit/shared/batch"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/objects"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/page"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
)

var now = time.Date(2026, 5, 20, 2, 0, 0, 0, time.UTC)

type city struct {
	desk    *batch.Desk
	journal *journal.Journal
	archive *journal.Archive
	store   *credit.Store
}

func newCity(t testing.TB, rdb *redis.Client) city {
	t.Helper()
	buckets, err := objects.Open(objects.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return cityOn(t, rdb, buckets)
}

var secrets = sync.OnceValue(func() batch.Secrets {
	own, err1 := seal.Generate()
	escrow, err2 := seal.Generate()
	if err1 != nil || err2 != nil {
		panic("no identity")
	}
	return batch.Secrets{Identity: own, Escrow: escrow.Recipient(), HashKey: []byte("0123456789abcdef0123456789abcdef")}
})

func cityOn(t testing.TB, rdb *redis.Client, buckets *objects.Buckets) city {
	t.Helper()
	j := journal.New(rdb, "410700", journal.Options{})
	clock := func() time.Time { return now }
	return city{
		desk:    batch.NewDesk(j, buckets, credit.Shipped(), secrets(), clock),
		journal: j, archive: journal.NewArchive(buckets.Main, 0, clock), store: credit.NewStore(j, credit.Shipped()),
	}
}

func (c city) send(t testing.TB, kind string, body []byte, o batch.Options) batch.Batch {
	t.Helper()
	b, err := c.desk.Receive(t.Context(), batch.Upload{Kind: kind, Org: "lead", Actor: "u1", Request: fmt.Sprint(time.Now().UnixNano(), len(body)), Last: true, Body: body, Options: o})
	if err != nil {
		t.Fatal(err)
	}
	b, err = c.desk.Work(t.Context(), b.ID)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// code is the i-th fictitious credit code.
func code(i int) string {
	c, err := ident.MakeUSCC(fmt.Sprintf("91410702MA%06d", i))
	if err != nil {
		panic(err)
	}
	return string(c)
}

var penaltyHeader = []string{"CF_WSH", "行政相对人名称", "统一社会信用代码", "CF_WFXW", "CF_SY", "CF_YJ", "CF_CFLB", "CF_NR_FK", "CF_JDRQ", "处罚机关", "CF_CFJGDM"}

func penalty(i int) []string {
	return []string{fmt.Sprintf("新测市监处罚〔2026〕%d号", i+1), fmt.Sprintf("新乡市测试第%d机械有限公司", i), code(i),
		"商标侵权", "销售侵权商品", "《商标法》第六十条", "罚款", "2", "2026/04/29", "新乡市市场监督管理局", "11410700000000019U"}
}

func table(header []string, rows ...[]string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(header)
	_ = w.WriteAll(rows)
	return b.Bytes()
}

func penalties(n int) [][]string {
	rows := make([][]string, n)
	for i := range rows {
		rows[i] = penalty(i)
	}
	return rows
}

func TestEachBadRowIsExplainedAndTheOthersGoIn(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		rows := penalties(1000)
		spoil := []struct {
			column int
			value  string
			code   string
		}{
			{2, "91410702MA0000009X", ""}, {2, "", ""}, {2, "91410702MAOOOO0001", ""},
			{8, "2026-02-30", ""}, {8, "2099/01/01", ""}, {0, "新测市监处罚26-1", ""},
			{6, "口头批评", ""}, {7, "2.0000001", ""}, {7, "贰万", ""}, {1, "", ""},
			{10, "91410771MA00AAA104", ""}, {3, "含\u202e双向控制符", ""},
		}
		bad := map[int]bool{}
		for i := range 37 {
			row := 20 + i*26
			s := spoil[i%len(spoil)]
			rows[row][s.column] = s.value
			bad[row+1] = true
		}
		b := c.send(t, "penalty", table(penaltyHeader, rows...), batch.Options{})
		if b.State != batch.Done || b.Rows != 1000 || b.Accepted != 963 || b.Rejected != 37 {
			t.Fatalf("state %s, %d rows, %d accepted, %d rejected; want 1000, 963, 37 (%v)", b.State, b.Rows, b.Accepted, b.Rejected, b.Failure)
		}
		problems, err := c.desk.Problems(t.Context(), b, 1000)
		if err != nil {
			t.Fatal(err)
		}
		named := map[int]bool{}
		for _, p := range problems {
			named[p.Row] = true
			if !bad[p.Row] {
				t.Errorf("row %d is good but has problem %s", p.Row, p.Code)
			}
			if words := page.Say(page.ZH, "fault."+p.Code, p.Args...); p.Code == "" || strings.ContainsAny(words, "%〔!") && !strings.Contains(words, "〔2026〕") {
				t.Errorf("row %d: %s is worded %q", p.Row, p.Code, words)
			}
		}
		if len(named) != 37 {
			t.Errorf("%d rows explained, want 37", len(named))
		}
		var out bytes.Buffer
		if err := c.desk.WriteErrors(t.Context(), &out, b, func(p batch.Problem) string { return p.Code }); err != nil {
			t.Fatal(err)
		}
		f, err := excelize.OpenReader(&out)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.GetRows(f.GetSheetName(0))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 38 || !slices.Equal(got[0][:len(penaltyHeader)], penaltyHeader) || len(got[0]) != len(penaltyHeader)+1 {
			t.Errorf("errors.xlsx has %d rows and header %q", len(got), got[0])
		}
	})
}

func TestSameRowTwiceCountsOnceAndACorrectionSupersedes(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		first := c.send(t, "penalty", table(penaltyHeader, penalty(1), penalty(1), penalty(2)), batch.Options{})
		if first.Accepted != 2 || first.Duplicates != 1 {
			t.Fatalf("first: %d accepted, %d duplicates; want 2, 1", first.Accepted, first.Duplicates)
		}
		corrected := penalty(2)
		corrected[7] = "3"
		second := c.send(t, "penalty", table(penaltyHeader, penalty(1), corrected), batch.Options{})
		if second.Accepted != 1 || second.Corrected != 1 || second.Duplicates != 1 {
			t.Fatalf("second: %+v; want one corrected, one duplicate", second)
		}
		p, err := c.store.Load(t.Context(), code(2))
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Records) != 1 || p.Records[0].Content.Penalty.FineFen != 3_000_000 || len(p.Records[0].History) != 1 {
			t.Errorf("record after correction: %+v", p.Records)
		}
	})
}

func TestDryRunTellsTheSameAndChangesNothing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		c.send(t, "penalty", table(penaltyHeader, penalty(0)), batch.Options{})
		bad := penalty(700)
		bad[2] = "x"
		rows := append(penalties(600), penalty(5), bad)
		body := table(penaltyHeader, rows...)
		dry := c.send(t, "penalty", body, batch.Options{DryRun: true})
		if _, err := c.store.View(t.Context(), code(5), now); !fault.Is(err, fault.NotFound) {
			t.Errorf("after a dry run the subject is there: %v", err)
		}
		wet := c.send(t, "penalty", body, batch.Options{})
		if dry.Rows != wet.Rows || dry.Accepted != wet.Accepted || dry.Duplicates != wet.Duplicates || dry.Rejected != wet.Rejected {
			t.Errorf("dry run told %+v, the real run %+v", dry, wet)
		}
		if wet.Accepted != 599 || wet.Duplicates != 2 || wet.Rejected != 1 {
			t.Errorf("real run: %d accepted, %d duplicates, %d rejected; want 599, 2, 1", wet.Accepted, wet.Duplicates, wet.Rejected)
		}
	})
}

func TestAtomicBatchIsAllOrNothing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		rows := penalties(700)
		good := rows[699]
		rows[699] = append([]string(nil), good...)
		rows[699][8] = "2026-13-01"
		b := c.send(t, "penalty", table(penaltyHeader, rows...), batch.Options{Atomic: true})
		if b.Accepted != 0 || b.Rejected != 1 || b.Held != 699 {
			t.Fatalf("with a bad row: %+v; want all held", b)
		}
		if _, err := c.store.View(t.Context(), code(3), now); !fault.Is(err, fault.NotFound) {
			t.Errorf("a held row went in: %v", err)
		}
		rows[699] = good
		if b = c.send(t, "penalty", table(penaltyHeader, rows...), batch.Options{Atomic: true}); b.Accepted != 700 {
			t.Errorf("all good: %+v; want 700 accepted", b)
		}
		over := c.send(t, "penalty", table(penaltyHeader, penalties(batch.MaxAtomic+1)...), batch.Options{Atomic: true})
		if over.State != batch.Failed || over.Failure.Code != "batch.atomic_rows" {
			t.Errorf("%d rows: %s %v, want refused", batch.MaxAtomic+1, over.State, over.Failure)
		}
	})
}

func TestInterruptedBatchGoesOnAndLosesAndDoublesNothing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		const n = 2300
		b, err := c.desk.Receive(t.Context(), batch.Upload{Kind: "penalty", Org: "lead", Actor: "u1", Request: "r", Last: true, Body: table(penaltyHeader, penalties(n)...)})
		if err != nil {
			t.Fatal(err)
		}
		// A worker that dies after a slice or two: its context ends, its lease stays.
		for range 20 {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				for {
					now, err := c.desk.Store().Get(t.Context(), b.ID)
					if err != nil || now.Finished() || now.Rows > b.Rows {
						cancel()
						return
					}
				}
			}()
			_, _ = c.desk.Work(ctx, b.ID)
			cancel()
			rdb.Del(t.Context(), c.journal.Tmp("batch", b.ID))
			if b, err = c.desk.Store().Get(t.Context(), b.ID); err != nil {
				t.Fatal(err)
			}
			if b.Finished() {
				break
			}
			if b.Accepted != b.Rows {
				t.Fatalf("after a stop: %d rows but %d accepted", b.Rows, b.Accepted)
			}
		}
		if b, err = c.desk.Work(t.Context(), b.ID); err != nil || b.Accepted != n || b.Rows != n || b.Duplicates != 0 {
			t.Errorf("at the end %+v (%v); want %d accepted and no duplicates", b, err, n)
		}
	})
}

func TestTwoWorkersOnOneBatchCountEachRowOnce(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		b, err := c.desk.Receive(t.Context(), batch.Upload{Kind: "penalty", Org: "lead", Actor: "u1", Request: "r", Last: true, Body: table(penaltyHeader, penalties(3000)...)})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for {
					now, err := c.desk.Work(t.Context(), b.ID)
					if err != nil {
						t.Error(err)
						return
					}
					if now.Finished() {
						return
					}
					// As if the lease had run out under the other worker.
					rdb.Del(t.Context(), c.journal.Tmp("batch", b.ID))
				}
			})
		}
		wg.Wait()
		b, err = c.desk.Store().Get(t.Context(), b.ID)
		if err != nil || b.Accepted != 3000 || b.Duplicates != 0 || b.Rows != 3000 {
			t.Errorf("%+v (%v), want 3000 accepted once", b, err)
		}
	})
}

func TestUploadInPiecesReadsAsOneFile(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		body := table(penaltyHeader, penalties(900)...)
		const size = 40_000
		for _, media := range []string{"", "multipart/form-data; boundary=xyz"} {
			sent := body
			if media != "" {
				sent = []byte("--xyz\r\nContent-Disposition: form-data; name=\"dryRun\"\r\n\r\n1\r\n--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n" + string(body) + "\r\n--xyz--\r\n")
			}
			u := batch.Upload{Kind: "penalty", Org: "lead", Actor: "u1", Request: "r" + media, Media: media}
			var b batch.Batch
			for i := 0; i*size < len(sent); i++ {
				u.Index, u.Body = i, sent[i*size:min(len(sent), (i+1)*size)]
				u.Last = (i+1)*size >= len(sent)
				var err error
				if b, err = c.desk.Receive(t.Context(), u); err != nil {
					t.Fatal(err)
				}
				// A piece sent again, as after a lost answer, changes nothing.
				if again, err := c.desk.Receive(t.Context(), u); err != nil || len(again.Pieces) != i+1 {
					t.Fatalf("piece %d again: %d pieces, %v", i, len(again.Pieces), err)
				}
			}
			b, err := c.desk.Work(t.Context(), b.ID)
			if err != nil || b.Rows != 900 || b.Rejected != 0 {
				t.Errorf("media %q: %d rows, %d rejected, %v (%v)", media, b.Rows, b.Rejected, err, b.Failure)
			}
		}
	})
}

func TestSameKeyWithAnotherFileIsRefused(t *testing.T) {
	c := newCity(t, redistest.Embedded(t))
	u := batch.Upload{Kind: "penalty", Org: "lead", Actor: "u1", Request: "key k", Last: true, Body: table(penaltyHeader, penalty(1))}
	first, err := c.desk.Receive(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.desk.Receive(t.Context(), u); err != nil || again.ID != first.ID {
		t.Errorf("the same again: %v, %v", again.ID, err)
	}
	other := u
	other.Body = table(penaltyHeader, penalty(2))
	if _, err := c.desk.Receive(t.Context(), other); !fault.Is(err, fault.Refused) {
		t.Errorf("another file: %v, want refused", err)
	}
	other = u
	other.Actor = "u2"
	if b, err := c.desk.Receive(t.Context(), other); err != nil || b.ID == first.ID {
		t.Errorf("another caller's key reaches the same batch: %v %v", b.ID, err)
	}
}

func TestUnreadableFileFailsWholeAndSaysWhy(t *testing.T) {
	c := newCity(t, redistest.Embedded(t))
	tests := []struct {
		name string
		body []byte
		code string
	}{
		{"unknown header", table([]string{"文书号", "不认识"}, []string{"a", "b"}), "sheet."},
		{"header only", table(penaltyHeader), "sheet.header_only"},
		{"a zip that is no spreadsheet", []byte("PK\x03\x04 something"), "sheet."},
		{"white space", []byte("  \n \n"), "sheet."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b, err := c.desk.Receive(t.Context(), batch.Upload{Kind: "penalty", Org: "lead", Actor: "u1", Request: test.name, Last: true, Body: test.body})
			if err == nil {
				b, err = c.desk.Work(t.Context(), b.ID)
			}
			if err != nil {
				f, ok := fault.Of(err)
				if !ok || !strings.HasPrefix(f.Code, test.code) {
					t.Fatalf("error %v, want a fault %s", err, test.code)
				}
				return
			}
			if b.State != batch.Failed || !strings.HasPrefix(b.Failure.Code, test.code) {
				t.Errorf("state %s, failure %v; want %s", b.State, b.Failure, test.code)
			}
		})
	}
}

func TestRegistersAndGradesReachTheProfile(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		agencies := table([]string{"机构代码", "名称", "统一社会信用代码", "区划代码", "执业状态", "国家信用等级", "等级日期"},
			[]string{"41990", "新乡市样例星河知识产权代理有限公司", "91410772MA00AAB17X", "410772", "正常", "A", "2026-03-01"})
		if b := c.send(t, "agency", agencies, batch.Options{}); b.Accepted != 1 {
			problems, _ := c.desk.Problems(t.Context(), b, 9)
			t.Fatalf("agency: %+v %v", b, problems)
		}
		agents := table([]string{"资格证书号", "姓名", "机构代码", "状态"}, []string{"4199001", "张样例", "41990", "执业"})
		if b := c.send(t, "agent", agents, batch.Options{}); b.Accepted != 1 {
			problems, _ := c.desk.Problems(t.Context(), b, 9)
			t.Fatalf("agent: %+v %v", b, problems)
		}
		p, err := c.store.Load(t.Context(), "91410772MA00AAB17X")
		if err != nil || p.Grade == nil || p.Grade.Grade != "A" {
			t.Errorf("profile %+v (%v), want grade A", p, err)
		}
		if b := c.send(t, "agency", agencies, batch.Options{}); b.Duplicates != 1 || b.Accepted != 0 {
			t.Errorf("the same register again: %+v, want a duplicate", b)
		}
	})
}

func TestRestoreBringsEveryRowBack(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		c.send(t, "penalty", table(penaltyHeader, penalties(1200)...), batch.Options{})
		if _, err := c.archive.Run(t.Context(), c.journal); err != nil {
			t.Fatal(err)
		}
		before, _, err := c.journal.Digest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		rdb.FlushAll(t.Context())
		if err := c.archive.Restore(t.Context(), c.journal, nil); err != nil {
			t.Fatal(err)
		}
		if after, _, _ := c.journal.Digest(t.Context()); after != before {
			t.Error("digest differs after restore")
		}
	})
}

func TestThreat_IdentityNumbersAreNowhereInClear(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		dir := t.TempDir()
		buckets, err := objects.Open(objects.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		c := cityOn(t, rdb, buckets)
		header := append(slices.Clone(penaltyHeader), "行政相对人类别", "证件类型", "证件号码")
		row := penalty(1)
		row[1], row[2] = "欧阳样例", ""
		row = append(row, "自然人", "身份证", "410799190001019907")
		bad := slices.Clone(row)
		bad[0], bad[8] = "新测市监处罚〔2026〕9号", "2026-02-30"
		b := c.send(t, "penalty", table(header, row, bad), batch.Options{})
		if b.Accepted != 1 || b.Rejected != 1 {
			problems, _ := c.desk.Problems(t.Context(), b, 9)
			t.Fatalf("%+v %v", b, problems)
		}
		if _, err := c.archive.Run(t.Context(), c.journal); err != nil {
			t.Fatal(err)
		}
		for _, canary := range []string{"410799190001019907", "欧阳样例"} {
			redistest.Grep(t, rdb, canary)
			objectstest.Grep(t, dir, canary)
		}
	})
}
