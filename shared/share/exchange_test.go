package share

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/redistest"
	"ipcredit/shared/sheet"
	"ipcredit/shared/sheet/book"
)

func TestTwoCitiesExchangeRecordsByFileAndRevocationsByCursor(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		here, there := newKit(t, rdb, "410700"), newKit(t, rdb, "410100")
		ctx := t.Context()
		a, b := here.record(1, firmA), here.record(2, firmB)
		p := wholeCity("province")
		p.Purpose, p.Acts = Region, Acts()
		here.subscribe(p)
		rows, err := here.store.File(ctx, here.actor("lead.handler"), Wanted{Kind: credit.Penalty}, here.now.Now())
		if err != nil || len(rows) != 2 {
			t.Fatal(rows, err)
		}
		header, err := Layout(credit.Penalty, false)
		if err != nil {
			t.Fatal(err)
		}
		all := func(yield func([]string, error) bool) {
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
		}
		var csv, xlsx strings.Builder
		if err := sheet.WriteCSV(&csv, header, all); err != nil {
			t.Fatal(err)
		}
		if err := book.Write(&xlsx, header, all); err != nil {
			t.Fatal(err)
		}
		for name, file := range map[string]string{"CSV": csv.String(), "XLSX": xlsx.String()} {
			read, err := sheet.Open(penalties(t), strings.NewReader(file), sheet.Limits{})
			if err != nil {
				t.Fatal(name, err)
			}
			var entries []credit.Entry
			for {
				row, err := read.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(name, err)
				}
				e, problems := credit.Shipped().Parse(credit.Penalty, row, credit.Context{Now: there.now.Now(), City: "410100"})
				if len(problems) > 0 {
					t.Fatal(name, problems)
				}
				if c := e.Record.Content.Penalty; c.FineFen != 1234567 || c.ConfiscatedFen != 500000 || len(c.Classes) != 2 || e.Record.Channel != credit.Republish || e.Record.SourceUntil.IsZero() {
					t.Errorf("%s: %+v", name, e.Record)
				}
				e.Record.PublishedOn = e.Record.DeterminedOn
				entries = append(entries, e)
			}
			there.apply(credit.Change{Records: entries})
		}
		if ids := []string{a, b}; !shownAll(there, ids...) {
			t.Fatal("the records did not come over under their ids")
		}
		// The other city believes this one once two people said so, and delivers follow.
		gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			id, _ := strings.CutPrefix(r.URL.Path, "/")
			got, err := there.store.Receive(r.Context(), id, Sent{r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), r.Header.Get("webhook-signature")}, body, there.now.Now())
			if err != nil {
				t.Error(err)
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			_ = json.NewEncoder(w).Encode(got.Body())
		}))
		defer gate.Close()
		src, err := there.store.Follow(ctx, there.actor("lead.handler"), Following{Name: "新乡市", Region: "410700", Key: here.key.Public()}, there.now.Now())
		if err == nil {
			_, err = there.store.DecideSource(ctx, there.actor("lead.handler"), src.ID, 1, true, there.now.Now())
			if !fault.Is(err, fault.Forbidden) {
				t.Errorf("approved by who asked: %v", err)
			}
			src, err = there.store.DecideSource(ctx, there.actor("lead.publisher"), src.ID, 1, true, there.now.Now())
		}
		if err != nil {
			t.Fatal(err)
		}
		p.URL = gate.URL + "/" + src.ID
		there.now.Set(here.now.Now())
		x := here.subscribe(p)
		here.deliver()
		here.repair(firmA, a)
		here.deliver()
		if shownAll(there, a) || !shownAll(there, b) {
			t.Error("the other city does not follow the repair")
		}
		// It said so in the same breath, and the province owes nothing any more.
		if list, err := here.store.Recipients(ctx, a, b); err != nil || len(list) != 2 || len(Waiting(list)) != 1 ||
			list[0].Record != a || list[0].Answer == nil || list[0].Answer.Action != Removed || list[0].Answer.By != Ref(x.ID) || list[1].Event != "" {
			t.Errorf("%+v, %v", list, err)
		}
		if x, err = here.store.subscription(ctx, rdb, x.ID); err != nil || x.Stopped != "" || x.Current != "" {
			t.Errorf("%+v, %v", x, err)
		}
		// Nobody ends our own records from outside, nor those of a third city, and not
		// with another's key, an old delivery or a changed one.
		deliver := func(k Key, at time.Time, spoil string, list ...Change) (int, error) {
			body, _ := json.Marshal(envelope{Type: typeChanged, Timestamp: at, Data: payload{Changes: list}})
			h, err := k.Headers("d1", at, body, "")
			if err != nil {
				t.Fatal(err)
			}
			got, err := there.store.Receive(ctx, src.ID, Sent{h["webhook-id"], h["webhook-timestamp"], h["webhook-signature"]}, append(body, spoil...), there.now.Now())
			return got.Ended, err
		}
		end := Change{Type: credit.Revoked, RecordID: b}
		now := there.now.Now()
		for name, try := range map[string]func() (int, error){
			"another's key": func() (int, error) { return deliver(there.key, now, "", end) },
			"too old":       func() (int, error) { return deliver(here.key, now.Add(-6*time.Minute), "", end) },
			"changed":       func() (int, error) { return deliver(here.key, now, " ", end) },
		} {
			if n, err := try(); !fault.Is(err, fault.Unauthorized) || n != 0 || !shownAll(there, b) {
				t.Errorf("%s: %d, %v", name, n, err)
			}
		}
		c := there.record(9, bank)
		for name, change := range map[string]func(*credit.Record){
			"ours":           func(r *credit.Record) { r.Channel = credit.Original },
			"a third city's": func(r *credit.Record) { r.Channel, r.AuthorityCode = credit.Republish, "11410100000000019U" },
		} {
			there.apply(credit.Change{Amend: []credit.Amendment{{SubjectCode: bank, ID: c, Do: func(r *credit.Record) error { change(r); return nil }}}})
			if n, err := deliver(here.key, now, "", Change{Type: credit.Revoked, RecordID: c}); err != nil || n != 0 || !shownAll(there, c) {
				t.Errorf("%s: %d, %v", name, n, err)
			}
		}
		for i, want := range []int{1, 0} {
			if n, err := deliver(here.key, now, "", end); err != nil || n != want {
				t.Errorf("delivery %d: %d, %v", i, n, err)
			}
		}
	})
}

func shownAll(k *kit, ids ...string) bool {
	k.t.Helper()
	for _, id := range ids {
		x, err := k.store.config.Credit.Case(k.t.Context(), id, k.now.Now())
		if err != nil {
			k.t.Fatal(err)
		}
		if x.Fate != credit.Displayed {
			return false
		}
	}
	return true
}
