package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"ipcredit/shared/calendar"
	"ipcredit/shared/casework"
	"ipcredit/shared/clock"
	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/notary"
	"ipcredit/shared/open"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

//go:embed demo_tipoffs.json
var tipoffTexts []byte

// fictions is what is said in the fictitious tip-offs.
var fictions = func() (t struct {
	Surnames, Given []string
	Place           string
	Stories         []story
	More, Reply     string
	Facts           string
	Answers         map[tipoff.State]string
	Extension       string
	Pause           string
	Dispute         string
	Comment         string
	Identity        string
	Evidence        string
}) {
	if err := json.Unmarshal(tipoffTexts, &t); err != nil {
		panic("demo: " + err.Error())
	}
	return t
}()

// story is one that reporters tell.
type story struct {
	Kind     tipoff.Kind
	About    string // firm, agency, nobody (who has no code), official
	Name     string
	Text     string
	Language string
	Numbers  []string
	File     string // the name of the evidence that comes with it
}

// fictionTipoffs is how many tip-offs the city has had.
const fictionTipoffs = 80

// fictionTipoff is one of them, with what became of it.
type fictionTipoff struct {
	Lodged tipoff.Lodged
	Day    workday.Date
	Hour   int
	File   string
	Path   []tipoff.State // the states it goes through, as far as their days have come
	Days   []int          // after Day, one for each state
	// Extended, Paused, Talked, Rated, Disputed and Asked are what else happens.
	Extended, Paused, Talked, Rated, Disputed, Asked bool
}

// tipoffs invents them as of a day: two in five anonymous, in every unit, kind and
// state, kept and missed in time. The same day gives the same ones.
func (f *fiction) tipoffs(today workday.Date) []fictionTipoff {
	var all []fictionTipoff
	for i, back := range spread(fictionTipoffs, 1, 150) {
		s := fictions.Stories[i%len(fictions.Stories)]
		t := fictionTipoff{
			Day: today.AddDays(-back), Hour: 8 + i*5%12, File: s.File,
			Lodged: tipoff.Lodged{
				Kind: s.Kind, Narrative: s.Text, Language: s.Language, Numbers: s.Numbers,
				Place: fmt.Sprintf(fictions.Place, i+1), Division: fictionAreas[i*7%len(fictionAreas)],
				Anonymous: i%5 < 2, Insider: i%10 == 9, Official: s.About == "official",
			},
		}
		l := &t.Lodged
		switch s.About {
		case "firm":
			x := f.firms[(i*13+3)%len(f.firms)]
			l.Parties = []tipoff.Party{{Name: x.name, Code: x.code}}
		case "agency":
			x := f.agencies[(i*5+1)%len(f.agencies)]
			l.Parties = []tipoff.Party{{Name: x.name, Code: x.code}}
		default:
			if s.Name != "" {
				l.Parties = []tipoff.Party{{Name: s.Name}}
			}
		}
		if l.OccurredOn = t.Day.AddDays(-2 - i%20); i%16 == 8 {
			l.OccurredOn = t.Day.AddYears(-3) // past limitation, flagged and taken all the same
		}
		if !l.Anonymous {
			name := fictions.Surnames[i%len(fictions.Surnames)] + fictions.Given[i/8%len(fictions.Given)]
			contact := fmt.Sprintf("1990000%04d", i)
			if i%3 == 0 {
				contact = fmt.Sprintf("reporter%02d@example.com", i)
			}
			l.Reporter = &tipoff.Reporter{Name: name, Contact: contact}
			l.Reward = i%8 == 2
		}
		t.plan(i, today)
		all = append(all, t)
	}
	return all
}

// plan chooses what becomes of the i-th tip-off until today.
func (t *fictionTipoff) plan(i int, today workday.Date) {
	ends := []tipoff.State{
		tipoff.CaseFiled, tipoff.NotFiled, tipoff.Transferred, tipoff.Verifying,
		tipoff.OutOfScope, tipoff.Assigned, tipoff.Received, tipoff.CaseFiled,
	}
	end, round := ends[i*3%len(ends)], i/len(ends)
	if t.Lodged.Kind == tipoff.UnlicensedAgency && end.Decided() {
		end = tipoff.Transferred // only the province may punish it
	}
	type step struct {
		to    tipoff.State
		after int
	}
	var path []step
	switch end {
	case tipoff.Received:
	case tipoff.Assigned:
		path = []step{{tipoff.Assigned, 1}}
	case tipoff.OutOfScope:
		path = []step{{tipoff.OutOfScope, 2}, {tipoff.Closed, 4}}
	case tipoff.Verifying:
		path = []step{{tipoff.Assigned, 1}, {tipoff.Verifying, 3}}
	default:
		path = []step{{tipoff.Assigned, 1}, {tipoff.Verifying, 3}, {end, 12}}
		if !t.Lodged.Anonymous {
			path = append(path, step{tipoff.Notified, 14})
		}
		if (round+i%len(ends))%3 > 0 {
			path = append(path, step{tipoff.Closed, 17})
		}
	}
	for _, s := range path {
		if t.Day.AddDays(s.after).Before(today) {
			t.Path, t.Days = append(t.Path, s.to), append(t.Days, s.after)
		}
	}
	reached := func(s tipoff.State) bool { return slices.Contains(t.Path, s) }
	last := t.Day.AddDays(25).Before(today)
	t.Talked = reached(tipoff.Verifying) && round%2 == 0
	t.Extended = end == tipoff.Verifying && reached(end) && round%2 == 0 && last
	t.Paused = end == tipoff.Verifying && reached(end) && !t.Extended && round%3 == 1
	t.Rated = reached(tipoff.Closed) && last && round%2 == 0
	t.Disputed = end == tipoff.NotFiled && reached(tipoff.Closed) && last && !t.Rated && round%3 == 1
	t.Asked = reached(tipoff.Verifying) && !t.Lodged.Anonymous && t.Lodged.Division == "410702"
}

// tipoffDesk works as the functions do, with what they may open and no more.
type tipoffDesk struct {
	intake   *tipoff.Intake
	office   *tipoff.Office
	cases    *casework.Store
	evidence *evidence.Store
	seed     []byte
	officers map[string]map[staff.Role]staff.Actor // by the label of their unit
}

func openTipoffDesk(ctx context.Context, desk *staff.Store, people staff.Demonstration) (*tipoffDesk, error) {
	d := &tipoffDesk{officers: map[string]map[staff.Role]staff.Actor{}}
	if err := d.openIntake(); err != nil {
		return nil, unreachable(err, "runner.fail.settings")
	}
	if err := d.openOffice(); err != nil {
		return nil, unreachable(err, "runner.fail.settings")
	}
	for _, p := range people.Staff {
		label := p.Division
		switch p.Kind {
		case staff.LeadBureau, staff.DistrictBureau, staff.ZoneAdministration:
		case staff.Discipline:
			label = tipoff.Discipline
		default:
			continue
		}
		u, known, err := desk.UserByName(ctx, p.User)
		if err != nil || !known {
			return nil, fmt.Errorf("demo: user %s: %w", p.User, err)
		}
		a, err := desk.Actor(ctx, u.ID)
		if err != nil {
			return nil, fmt.Errorf("demo: user %s: %w", p.User, err)
		}
		if d.officers[label] == nil {
			d.officers[label] = map[staff.Role]staff.Actor{}
		}
		for _, r := range p.Roles {
			if _, taken := d.officers[label][r]; !taken {
				d.officers[label][r] = a
			}
		}
	}
	return d, nil
}

// readSecrets reads the secrets that a function declares.
func readSecrets(function string) (*open.Env, map[string]string, error) {
	needs := functions[function].needs
	env, err := open.Open(needs)
	if err != nil {
		return nil, nil, err
	}
	text := map[string]string{}
	for _, name := range needs.Secrets {
		b, err := env.Secret(name)
		if err != nil {
			return nil, nil, err
		}
		text[name] = string(b)
	}
	return env, text, nil
}

func (d *tipoffDesk) openIntake() error {
	env, secret, err := readSecrets("report-intake")
	if err != nil {
		return err
	}
	d.evidence = evidence.NewStore(env.Journal, env.Objects.Main, env.Now)
	c := tipoff.IntakeConfig{MAC: []byte(secret["intake-mac"]), Evidence: d.evidence}
	if c.Units, err = tipoff.ParseUnits(secret["unit-recipients"]); err != nil {
		return err
	}
	if c.Escrow, err = seal.ParseRecipient(secret["escrow-recipient"]); err != nil {
		return err
	}
	if c.Custodian, err = seal.ParseRecipient(secret["custodian-recipient"]); err != nil {
		return err
	}
	if c.Receipts, err = notary.ParseKey([]byte(secret["receipt-signing"])); err != nil {
		return err
	}
	c.Log = notary.Open(env.Journal, env.Objects.Main, notary.Intake, c.Receipts)
	// No two installations have the same receipts, and each has its own again.
	m := hmac.New(sha256.New, c.MAC)
	m.Write([]byte("demonstration v1"))
	d.seed = m.Sum(nil)
	d.intake, err = tipoff.NewIntake(env.Journal, seal.NewKeys(env.Objects.Keys), c)
	return err
}

func (d *tipoffDesk) openOffice() error {
	env, secret, err := readSecrets("case-handling")
	if err != nil {
		return err
	}
	c := tipoff.OfficeConfig{Evidence: d.evidence, Log: notary.Open(env.Journal, nil, notary.Intake, nil), Staff: staff.New(env.Journal)}
	if c.Identities, err = tipoff.ParseIdentities(secret["unit-identities"]); err != nil {
		return err
	}
	if c.Units, err = tipoff.ParseUnits(secret["unit-recipients"]); err != nil {
		return err
	}
	if c.Escrow, err = seal.ParseRecipient(secret["escrow-recipient"]); err != nil {
		return err
	}
	if c.Custodian, err = seal.ParseIdentity(secret["custodian-identity"]); err != nil {
		return err
	}
	keys := seal.NewKeys(env.Objects.Keys)
	if d.office, err = tipoff.NewOffice(env.Journal, keys, c); err != nil {
		return err
	}
	d.cases, err = casework.New(env.Journal, keys, casework.Config{
		Identities: c.Identities, Units: c.Units, Escrow: c.Escrow, Staff: c.Staff,
		Calendar: calendar.New(env.Journal).Current, Clocks: clock.New(env.Journal),
	})
	return err
}

// sumOf tells one version of the tip-offs from another.
func sumOf(all []fictionTipoff) (string, error) {
	data, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("demo: %w", err)
	}
	sum := sha256.Sum256(append(data, tipoffTexts...))
	return hex.EncodeToString(sum[:]), nil
}

// key is 256 bits that belong to this installation and this tip-off.
func (d *tipoffDesk) key(what string, t fictionTipoff) (string, error) {
	data, err := json.Marshal(t.Lodged)
	if err != nil {
		return "", fmt.Errorf("demo: %w", err)
	}
	m := hmac.New(sha256.New, d.seed)
	fmt.Fprintf(m, "%s\n%s\n%s", what, t.Day, data)
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)), nil
}

// load lodges the tip-offs, or finds them lodged, and tells their receipts. With
// work they are handled as far as they have come; without, nothing is written.
// What was erased meanwhile has no receipt any more.
func (d *tipoffDesk) load(ctx context.Context, all []fictionTipoff, work bool) ([]demoReport, error) {
	found := make([]demoReport, len(all))
	// A key's object is the slow part; several reports share one.
	some, ctx := errgroup.WithContext(ctx)
	some.SetLimit(16)
	for i, t := range all {
		some.Go(func() error {
			key, err := d.key("key", t)
			if err != nil {
				return err
			}
			l, err := d.intake.Lodge(ctx, tipoff.Submission{Key: key, Lodged: t.Lodged}, t.at(0))
			if fault.Is(err, fault.Gone) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("demo: tip-off %d: %w", i, err)
			}
			found[i] = demoReport{l.Number, l.Receipt}
			if !work {
				return nil
			}
			if err := d.handle(ctx, t, l); err != nil {
				return fmt.Errorf("demo: tip-off %d: %w", i, err)
			}
			return nil
		})
	}
	if err := some.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(r demoReport) bool { return r.ReportNo == "" }), nil
}

// at is the moment so many days after the tip-off came.
func (t fictionTipoff) at(days int) time.Time {
	return t.Day.AddDays(days).Start().Add(time.Duration(t.Hour) * time.Hour)
}

// handle does what the plan says and has not been done: a load that was cut off
// goes on where it was.
func (d *tipoffDesk) handle(ctx context.Context, t fictionTipoff, l tipoff.Lodging) error {
	unit := d.officers[l.Report.Unit]
	officer, ok := unit[staff.Handler]
	if !ok {
		return fmt.Errorf("unit %s has nobody", l.Report.Unit)
	}
	done := func(what string) bool {
		return slices.ContainsFunc(l.Report.Events, func(e tipoff.Event) bool { return e.What == what })
	}
	if err := d.attach(ctx, t, l); err != nil {
		return err
	}
	no := l.Number
	for n, to := range t.Path {
		if done(string(to)) {
			continue
		}
		c := tipoff.Change{To: to, Answer: fictions.Answers[to]}
		if to == tipoff.CaseFiled {
			if err := d.file(ctx, officer, l, &c, t.at(t.Days[n])); err != nil {
				return err
			}
		}
		if err := d.office.ChangeState(ctx, officer, no, c, t.at(t.Days[n])); err != nil {
			return err
		}
	}
	claim := tipoff.Claim{Number: no, Receipt: l.Receipt}
	if t.Talked {
		if err := d.talk(ctx, t, claim, officer); err != nil {
			return err
		}
	}
	if t.Paused && !done(tipoff.PauseBegun) {
		if err := d.office.Pause(ctx, officer, no, fictions.Pause, t.at(5)); err != nil {
			return err
		}
	}
	if t.Extended {
		if !done(tipoff.ExtensionAsked) {
			if err := d.office.AskExtension(ctx, officer, no, fictions.Extension, t.at(8)); err != nil {
				return err
			}
		}
		if !done(string(tipoff.Extended)) {
			if err := d.office.Extend(ctx, unit[staff.Approver], no, true, t.at(9)); err != nil {
				return err
			}
		}
	}
	if t.Asked {
		if err := d.ask(ctx, t, l, officer, unit[staff.Custodian]); err != nil {
			return err
		}
	}
	if t.Rated && !l.Report.Rated {
		if err := d.intake.Rate(ctx, claim, 3+len(t.Path)%3, fictions.Comment, t.at(19)); err != nil {
			return err
		}
	}
	if t.Disputed && !l.Report.Disputed {
		return d.intake.Dispute(ctx, claim, fictions.Dispute, t.at(22))
	}
	return nil
}

// file has the case opened with the decision. Discipline inspection has no cases
// of ours, and nobody opens one about he does not know what.
func (d *tipoffDesk) file(ctx context.Context, officer staff.Actor, l tipoff.Lodging, c *tipoff.Change, at time.Time) error {
	targets := casework.TargetsOf(l.Report.Kind)
	if l.Report.Unit == tipoff.Discipline || l.Report.Kind == tipoff.Unclear {
		return nil
	}
	o, err := d.office.Open(ctx, officer, l.Number, at)
	if err != nil {
		return err
	}
	draft := casework.DraftOf(o)
	draft.Facts, draft.Target = fictions.Facts, targets[0]
	opening, err := d.cases.FromTipoff(ctx, officer, o.Report, draft, at)
	if err != nil {
		return err
	}
	c.With = opening.With
	return nil
}

// talk lets the officer ask and the reporter answer.
func (d *tipoffDesk) talk(ctx context.Context, t fictionTipoff, claim tipoff.Claim, officer staff.Actor) error {
	key, err := d.key("asks", t)
	if err == nil {
		err = d.office.Answer(ctx, officer, claim.Number, key, fictions.More, t.at(3))
	}
	if err != nil {
		return err
	}
	if key, err = d.key("says", t); err != nil {
		return err
	}
	return d.intake.Say(ctx, claim, key, fictions.Reply, t.at(4))
}

// ask asks for the reporter's identity, and a second person allows it.
func (d *tipoffDesk) ask(ctx context.Context, t fictionTipoff, l tipoff.Lodging, officer, custodian staff.Actor) error {
	if len(l.Report.Asks) > 0 && l.Report.Asks[0].State != tipoff.AskOpen {
		return nil
	}
	id := ""
	if len(l.Report.Asks) > 0 {
		id = l.Report.Asks[0].ID
	} else {
		var err error
		if id, err = d.office.AskIdentity(ctx, officer, l.Number, fictions.Identity, t.at(4)); err != nil {
			return err
		}
	}
	return d.office.OpenIdentity(ctx, custodian, l.Number, id, true, t.at(5))
}

// attach hands in the evidence that comes with the tip-off.
func (d *tipoffDesk) attach(ctx context.Context, t fictionTipoff, l tipoff.Lodging) error {
	if t.File == "" {
		return nil
	}
	key, err := d.key("box", t)
	if err != nil {
		return err
	}
	token := evidence.TokenOf(key)
	b, err := d.evidence.OpenBoxOf(ctx, token, evidence.BoxSpec{
		For: tipoff.Ref(l.Number), To: l.To, Key: l.Report.Key, Until: time.Now().Add(time.Hour), By: "reporter",
	})
	if err != nil {
		return err
	}
	files, err := d.evidence.Files(ctx, b.ID)
	if err != nil {
		return err
	}
	data := []byte(strings.Repeat(fictions.Evidence, 20))
	sum := sha256.Sum256(data)
	var x evidence.File
	switch {
	case len(files) == 0:
		x, err = d.evidence.Create(ctx, b, evidence.NewFile{
			Name: t.File, Type: "text/plain", SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data)),
		})
	case files[0].State == evidence.Whole:
		return nil
	default:
		x = files[0]
	}
	if err == nil {
		_, err = d.evidence.Append(ctx, b, x.N, x.Offset, data[x.Offset:])
	}
	return err
}
