package share

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/outgoing"
	"ipcredit/shared/sheet"
	"ipcredit/shared/staff"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

// Asking is how far a source was asked.
type Asking struct {
	// Cursor is its cursor.
	Cursor string `json:"cursor,omitempty"`
	// Letters is its cursor of letters.
	Letters string `json:"letters,omitempty"`
	// Next is when it is asked again after it failed.
	Next time.Time `json:"next,omitzero"`
	// Trouble is why it failed last, one of the Whys, and Problem why the last
	// record that did not come was not taken over; "" for nothing.
	Trouble string `json:"trouble,omitempty"`
	Problem string `json:"problem,omitempty"`
	Brought int    `json:"brought,omitempty"`
}

const (
	// perAsk changes are asked for together, mostAsk pages in one run.
	perAsk  = 50
	mostAsk = 10
	// mostPage and mostRecord bound what a source may say, in bytes.
	mostPage   = 256 << 10
	mostRecord = 128 << 10
)

// askAgain is how long a source that failed is left alone, at least. Ours to
// choose ([design]).
const askAgain = 10 * time.Minute

// WhyGarbled and WhyKey are why a source could not be read.
const (
	WhyGarbled = "garbled" // not what such an address answers
	WhyKey     = "key"     // our API key there does not open or is not good there
)

// Ask asks every source that gave an address for what changed there, takes it over
// and says so there. It may be called as often as one likes and by several at once.
func (s *Store) Ask(ctx context.Context, now func() time.Time) error {
	list, err := s.sources(ctx)
	if err != nil {
		return err
	}
	client := s.config.Guard.Client(longestCall)
	defer client.Close()
	var failed []error
	for _, x := range list {
		if x.State != Active || x.URL == "" || x.Next.After(now()) || ctx.Err() != nil {
			continue
		}
		if err := s.askOne(ctx, client, x.ID, now); err != nil {
			failed = append(failed, fmt.Errorf("share: asking %s: %w", x.ID, err))
		}
	}
	return errors.Join(failed...)
}

// AskNow asks one source at once, for who manages it, whatever it was found to be
// before.
func (s *Store) AskNow(ctx context.Context, a staff.Actor, id string, now func() time.Time) error {
	x, err := s.source(ctx, s.journal.Redis(), id)
	if err != nil {
		return err
	}
	if err := manages(a, x.Division, now()); err != nil {
		return err
	}
	if x.State != Active || x.URL == "" {
		return fault.New(fault.Conflict, "share.state")
	}
	client := s.config.Guard.Client(longestCall)
	defer client.Close()
	return s.askOne(ctx, client, id, now)
}

// trouble is why a source could not be asked.
type trouble struct {
	why   string
	after time.Duration
}

func (t *trouble) Error() string { return "share: a source is not to be asked: " + t.why }

func (s *Store) askOne(ctx context.Context, client *outgoing.Client, id string, now func() time.Time) error {
	won, free, err := s.claim(ctx, "source:"+id, longestRun)
	if err != nil || !won {
		return err
	}
	defer free()
	for range mostAsk {
		x, err := s.source(ctx, s.journal.Redis(), id)
		if err != nil || x.State != Active || ctx.Err() != nil {
			return err
		}
		more, err := s.askPage(ctx, asker{s, client, x, "", now})
		if err == nil && !more {
			more, err = s.askLettersOf(ctx, client, id, now)
		}
		var t *trouble
		if errors.As(err, &t) {
			entry := journal.Entry{Actor: system, Action: "share.ask", Ref: "source:" + id, At: now()}
			return s.heard(ctx, entry, id, Received{}, func(next *Source) {
				next.Heard = x.Heard
				next.Trouble, next.Next = t.why, now().UTC().Add(max(askAgain, min(t.after, longestWait)))
			})
		}
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// askLettersOf fetches the letters of a source once its changes are here.
func (s *Store) askLettersOf(ctx context.Context, client *outgoing.Client, id string, now func() time.Time) (more bool, err error) {
	x, err := s.source(ctx, s.journal.Redis(), id)
	if err != nil || x.State != Active {
		return false, err
	}
	token, err := s.config.Key.unseal(x.ID, x.Sealed)
	if err != nil {
		return false, &trouble{why: WhyKey}
	}
	return s.askLetters(ctx, asker{s, client, x, token, now})
}

// asker speaks to one source.
type asker struct {
	store  *Store
	client *outgoing.Client
	source Source
	token  string
	now    func() time.Time
}

// page is what a source answers, as far as it is used.
type page struct {
	Results []Change `json:"results"`
	Next    string   `json:"next"`
	More    bool     `json:"more"`
}

// askPage asks for one page and makes it true here. The cursor goes on only when
// all of it is done, so a page that was cut short is asked for again.
func (s *Store) askPage(ctx context.Context, a asker) (more bool, err error) {
	x := a.source
	if a.token, err = s.config.Key.unseal(x.ID, x.Sealed); err != nil {
		return false, &trouble{why: WhyKey}
	}
	entry := journal.Entry{Actor: "source:" + x.ID, Action: "share.ask", Ref: "source:" + x.ID, At: a.now()}
	answer, err := a.get(ctx, "/changes?limit="+strconv.Itoa(perAsk)+"&cursor="+url.QueryEscape(x.Cursor), mostPage)
	if err != nil && x.Recipient != "" && unsubscribed(answer) {
		return false, nil // letters alone are exchanged with it
	}
	if err != nil {
		return false, err
	}
	if (answer.Gone() || answer.Bad()) && x.Cursor != "" {
		// The other city lost or swept its feed there: everything is told anew.
		return true, s.heard(ctx, entry, x.ID, Received{}, func(next *Source) { next.Cursor = "" })
	}
	var p page
	if err := readAnswer(answer, &p); err != nil {
		return false, err
	}
	if len(p.Results) > MostChanges || len(p.Next) > 60 || p.More && p.Next == x.Cursor {
		return false, &trouble{why: WhyGarbled}
	}
	got, err := s.take(ctx, entry, x, p.Results, a.record)
	if err != nil {
		return false, err
	}
	for _, said := range got.answers.Answers {
		if err := a.say(ctx, said); err != nil {
			return false, err
		}
	}
	if len(p.Results) == 0 && p.Next == x.Cursor && x.Trouble == "" {
		return false, nil // nothing happened: nothing is written
	}
	return p.More, s.heard(ctx, entry, x.ID, got, func(next *Source) {
		next.Cursor, next.Trouble, next.Next = p.Next, "", time.Time{}
		if got.Problem != "" {
			next.Problem = got.Problem
		}
	})
}

func (a asker) headers() map[string]string {
	return map[string]string{"Authorization": "Bearer " + a.token, "Accept": "application/json"}
}

// get asks; the error is a trouble.
func (a asker) get(ctx context.Context, path string, most int64) (outgoing.Answer, error) {
	answer, err := a.client.Get(ctx, a.source.URL+path, a.headers(), most, a.now())
	return answer, troubled(answer, err)
}

// troubled is what a call says about whether to go on.
func troubled(answer outgoing.Answer, err error) error {
	switch {
	case errors.Is(err, outgoing.ErrPrivate):
		return &trouble{why: WhyPrivate}
	case err != nil:
		return &trouble{why: WhyAway}
	case answer.Denied():
		return &trouble{why: WhyKey}
	case answer.Busy():
		return &trouble{why: WhyRefused, after: answer.After}
	}
	return nil
}

// unsubscribed tells whether the answer is that we have no subscription there.
func unsubscribed(answer outgoing.Answer) bool {
	var p struct {
		Code string `json:"code"`
	}
	return answer.Denied() && json.Unmarshal(answer.Body, &p) == nil && p.Code == "share.none"
}

// readAnswer reads a body of an answer of 200; anything else is a trouble.
func readAnswer(answer outgoing.Answer, v any) error {
	if !answer.OK() || json.Unmarshal(answer.Body, v) != nil {
		return &trouble{why: WhyGarbled}
	}
	return nil
}

// say tells the source what was done about an end. That the source does not know
// the change any more is no reason to stop.
func (a asker) say(ctx context.Context, said atOnceAnswer) error {
	body, err := json.Marshal(said.Feedback)
	if err != nil {
		return fmt.Errorf("share: %w", err)
	}
	answer, err := a.client.Post(ctx, a.source.URL+"/changes/"+url.PathEscape(said.Change)+"/feedback", a.headers(), bytes.NewReader(body), a.now())
	return troubled(answer, err)
}

// record fetches one record and reads it as an uploaded row is read.
func (a asker) record(ctx context.Context, id string) (credit.Entry, bool, error) {
	answer, err := a.get(ctx, "/records/"+url.PathEscape(id), mostRecord)
	if err != nil {
		return credit.Entry{}, false, err
	}
	if answer.Unknown() || answer.Gone() {
		return credit.Entry{}, false, nil // it has ended, or has no layout
	}
	var in Whole
	if err := readAnswer(answer, &in); err != nil {
		return credit.Entry{}, false, err
	}
	schema, err := layout(in.Kind)
	if err != nil {
		return credit.Entry{}, false, fault.New(fault.Invalid, "share.delivery")
	}
	values := map[string]string{}
	for _, c := range schema.Columns {
		values[c.Field] = in.Fields[heading(c, false)]
	}
	law, err := a.store.config.Credit.Law(ctx)
	if err != nil {
		return credit.Entry{}, false, err
	}
	e, problems := law.Parse(in.Kind, sheet.NewRow(schema, 1, values), credit.Context{Now: a.now(), City: a.store.journal.City()})
	if len(problems) > 0 {
		return e, false, fault.New(fault.Invalid, problems[0].Code, problems[0].Args...)
	}
	return e, true, nil
}

// Whole is a record in the national layout, by the headings of Layout.
type Whole struct {
	Kind   credit.Kind       `json:"kind"`
	ID     string            `json:"id"`
	Fields map[string]string `json:"fields"`
}

// Whole gives an organisation a record that it was told of and that its
// subscriptions still cover, as long as the record is shown: of the city's own,
// and of no natural person, whose papers are kept nowhere. It is noted that it was
// given. To everything else there is fault.NotFound.
func (s *Store) Whole(ctx context.Context, org, by, id string, now time.Time) (Whole, error) {
	had, err := s.had(ctx, org, []string{id})
	if err != nil {
		return Whole{}, err
	}
	if !had[id] {
		return Whole{}, unknown()
	}
	known, err := s.config.Credit.Case(ctx, id, now)
	if err != nil {
		return Whole{}, err
	}
	event := credit.Event{Type: credit.Published, RecordID: id, Code: known.Profile.Subject.Code, District: known.Profile.Subject.District}
	found, err := s.config.Credit.Standing(ctx, []credit.Event{event}, now)
	if err != nil {
		return Whole{}, err
	}
	x, ok := found[id]
	if !ok || x.Record.Channel != credit.Original || x.Subject.Kind == subject.Person {
		return Whole{}, unknown()
	}
	list, err := s.Of(ctx, org)
	if err != nil {
		return Whole{}, err
	}
	event.Act = x.Act
	if !s.covering(list, workday.DateOf(now))(event) {
		return Whole{}, unknown()
	}
	schema, err := layout(x.Record.Kind)
	if err != nil {
		return Whole{}, unknown() // the national list has no layout for it
	}
	out := Whole{Kind: x.Record.Kind, ID: id, Fields: map[string]string{}}
	for i, cell := range row(schema, x) {
		if cell != "" {
			out.Fields[heading(schema.Columns[i], false)] = cell
		}
	}
	entry := journal.Entry{Actor: by, Action: "share.whole", Ref: "record:" + id, At: now}
	return out, s.journal.Commit(ctx, entry, nil, func(tx *journal.Tx) error {
		tx.HSet(s.key("whole", org), id, strconv.FormatInt(now.UnixMilli(), 10))
		return nil
	})
}
