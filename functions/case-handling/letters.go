package function

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/linkage"
	"ipcredit/shared/page"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// mailroom opens the boxes that holders put their materials into, and reads them:
// each is sealed to a key of its own, wrapped to the unit and to the escrow.
type mailroom struct {
	keys       *seal.Keys
	identities map[string]seal.Identity
	units      tipoff.Units
	escrow     seal.Recipient
}

// boxMatter begins what the box of a letter belongs to.
const boxMatter = "application-letter:"

// boxDays is how long a holder may add materials after the letter (ours to
// choose): longer than any time to answer, and than the review that may follow.
const boxDays = 183

// token is the letter's address for materials. It is derived from the unit's own
// key, so that a letter printed again shows the same one though it is kept
// nowhere.
func (m mailroom) token(l linkage.Letter) (string, error) {
	id, ok := m.identities[l.Unit]
	if !ok {
		return "", fault.New(fault.Unavailable, "tipoff.no_key", l.Unit).After(time.Hour)
	}
	mac := hmac.New(sha256.New, []byte(id.Reveal()))
	fmt.Fprintf(mac, "address for materials of letter %d", l.No)
	return evidence.TokenOf("letter\x00" + hex.EncodeToString(mac.Sum(nil))), nil
}

// identity opens what is in the box.
func (m mailroom) identity(ctx context.Context, b evidence.Box, unit string) (seal.Identity, error) {
	id, ok := m.identities[unit]
	if !ok {
		return seal.Identity{}, fault.New(fault.Unavailable, "tipoff.no_key", unit).After(time.Hour)
	}
	opened, err := m.keys.Open(ctx, b.Key, tipoff.UnitLabel(unit), id)
	var erased *seal.Erased
	if errors.As(err, &erased) {
		return seal.Identity{}, fault.New(fault.Gone, "applications.materials_erased", erased.On)
	}
	return opened, err
}

// holderLetterOf reads the letter of the address.
func (d *desk) holderLetterOf(r *http.Request, a staff.Actor) (linkage.Letter, error) {
	no, err := strconv.ParseInt(r.PathValue("no"), 10, 64)
	if err != nil || no < 1 || strconv.FormatInt(no, 10) != r.PathValue("no") {
		return linkage.Letter{}, fault.New(fault.NotFound, "linkage.none")
	}
	l, err := d.linkage.LetterOf(r.Context(), a, no, d.env.Now())
	if err == nil && a.TiedTo([]staff.Party{{Code: l.Group, Name: l.Name}}) {
		err = fault.New(fault.Forbidden, "staff.can.tied")
	}
	return l, err
}

// holderLetterOfBox is the number of the letter that a box belongs to.
func (d *desk) holderLetterOfBox(ctx context.Context, box string) (int64, bool) {
	b, err := d.evidence.Box(ctx, box)
	if err != nil {
		return 0, false
	}
	text, ok := strings.CutPrefix(b.For, boxMatter)
	no, err := strconv.ParseInt(text, 10, 64)
	return no, ok && err == nil
}

type holderLetterPage struct {
	base
	Letter linkage.Letter
	Number string
	Issuer string
	To     string
	// Paragraphs and Doc are the letter's words, in Chinese whoever looks.
	Paragraphs []holderParagraph
	Doc        holderLetterWords
	Rows       []holderLetterRow
	Kind       linkage.Kind
	Sheets     [][]holderLetterRow // the annex, a page each
	Signer     string
	// Address is where the holder puts materials, with its code for a camera.
	Address     string
	QR          template.URL
	Until       time.Time
	Ended       bool // nothing more is taken at the address
	MayHandle   bool
	Files       []fileLine
	FileOptions []option
	Targets     []option
	Kinds       []option
	Group       string
	Labelled    bool
}

// holderParagraph is a sentence of the letter with the provision it rests on.
type holderParagraph struct {
	Text, Source string
	// Labelled says that the provision is known from memory only.
	Labelled bool
}

type holderLetterRow struct {
	N      int
	Number string
	Class  int
	Ground string
	List   string
	On     workday.Date
	Reply  workday.Date
}

// How the annex is broken into pages, each with its own heading (ours to choose;
// measured on A4 with the margins and the type of the style sheets): the height of
// a page, of a line and of what a row has besides, in points, and how many
// characters a line of a cell takes.
const (
	annexPage   = 560
	annexLine   = 15
	annexRow    = 8
	annexGround = 10
	annexList   = 8
)

// annexSheets breaks the rows of the annex into pages.
func annexSheets(rows []holderLetterRow) [][]holderLetterRow {
	lines := func(text string, width int) int { return (utf8.RuneCountInString(text) + width - 1) / width }
	var out [][]holderLetterRow
	left := 0
	for _, x := range rows {
		height := annexRow + annexLine*max(lines(x.Ground, annexGround), lines(x.List, annexList)+1)
		if left -= height; left < 0 {
			out, left = append(out, nil), annexPage-height
		}
		out[len(out)-1] = append(out[len(out)-1], x)
	}
	return out
}

// holderLetter shows a letter as it is printed, and beside it what the holder has
// handed in.
func (d *desk) holderLetter(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	return d.showHolderLetter(w, r, a, http.StatusOK, nil)
}

func (d *desk) showHolderLetter(w http.ResponseWriter, r *http.Request, a staff.Actor, status int, wrong error) error {
	ctx, now := r.Context(), d.env.Now()
	l, err := d.holderLetterOf(r, a)
	if err != nil {
		return err
	}
	rows, err := d.linkage.Rows(ctx, a, l.IDs, now)
	if err != nil {
		return err
	}
	p := holderLetterPage{base: d.linkageBase(r, a), Letter: l, Number: l.DocNo, Signer: d.name(ctx, names{}, l.By)}
	if p.Number == "" {
		p.Number = holderLetterNumber(l.No, l.On)
	}
	if wrong != nil {
		if _, err := refused(r, &p.base, wrong); err != nil {
			return err
		}
	}
	p.Issuer = d.unitName(ctx, l.Unit)
	if p.To, err = d.holderLetterTo(r, a, l); err != nil {
		return err
	}
	for i, x := range l.Lines {
		var grounds []string
		for _, g := range x.Grounds {
			grounds = append(grounds, page.Say(page.ZH, "applications.ground", g, page.Say(page.ZH, "linkage.ground."+g)))
		}
		p.Rows = append(p.Rows, holderLetterRow{i + 1, x.Number, x.Class, strings.Join(grounds, page.Say(page.ZH, "applications.semicolon")), x.List, x.On, x.Reply})
		if p.Kind = linkage.Patent; x.Class > 0 {
			p.Kind = linkage.Mark
		}
	}
	p.Sheets = annexSheets(p.Rows)
	if p.Paragraphs, err = holderParagraphs(p.Kind, l, p.Rows); err != nil {
		return err
	}
	p.Doc = p.words()
	p.Labelled = slices.ContainsFunc(p.Paragraphs, func(x holderParagraph) bool { return x.Labelled })
	if err := d.holderLetterMaterials(r, a, &p, rows); err != nil {
		return err
	}
	if len(rows) > 0 {
		x := rows[0]
		p.Group = d.pages.URL(r, "/applications/group", linkageGroupQuery(linkage.Group{Key: x.Applicant.Group(), Agency: x.Application.Agency, Unit: x.Application.Unit, Kind: x.Kind}, nil))
	}
	return d.pages.Show(w, r, status, "letters", p)
}

// holderLetterTo is whom the letter is addressed to. A natural person's name is
// opened for it, which stands in the journal.
func (d *desk) holderLetterTo(r *http.Request, a staff.Actor, l linkage.Letter) (string, error) {
	switch {
	case l.To == linkage.ToAgency:
		return d.agencyName(r, l.Agency), nil
	case l.Name != "":
		return l.Name, nil
	}
	opened, err := d.linkage.Names(r.Context(), a, l.IDs[:1], d.env.Now())
	name := opened[l.IDs[0]]
	switch {
	case fault.Is(err, fault.Forbidden): // it is another unit's by now
		return page.Say(page.ZH, "applications.person"), nil
	case err != nil:
		return "", err
	case name == "":
		return page.Say(page.ZH, "applications.name_lost"), nil
	}
	return name, nil
}

// letterRules are the rules that the sentences of a letter rest on, in their order.
var letterRules = map[linkage.Kind][]string{
	linkage.Patent: {"letter-grounds-patent", "letter-statement-patent", "letter-no-answer-patent", "letter-withdraw-patent", "letter-review-patent", "letter-no-heavier"},
	linkage.Mark:   {"letter-grounds-mark", "letter-statement-mark", "letter-review-mark", "letter-no-heavier"},
}

// holderParagraphs are the sentences of the letter in the version of the law of
// the day of the latest notification in it.
func holderParagraphs(kind linkage.Kind, l linkage.Letter, rows []holderLetterRow) ([]holderParagraph, error) {
	on := l.On
	if len(rows) > 0 {
		on = rows[0].On
	}
	for _, x := range rows {
		on = workday.Max(on, x.On)
	}
	var out []holderParagraph
	for _, id := range letterRules[kind] {
		rule, ok := ruleset.Shipped().For(id, on)
		if !ok { // older than every version that is known
			if rule, ok = ruleset.Shipped().For(id, l.On); !ok {
				return nil, fmt.Errorf("case-handling: no rule %s", id)
			}
		}
		key, first := "applications.letter."+strings.TrimPrefix(id, "letter-"), id == letterRules[kind][0]
		if first && l.To == linkage.ToAgency {
			key += "-agency"
		}
		out = append(out, holderParagraph{page.Say(page.ZH, key, len(l.IDs)), page.Say(page.ZH, "applications.letter.source", rule.Source, rule.Article), rule.Labelled()})
		if first && l.To == linkage.ToAgency {
			out = append(out, holderParagraph{Text: page.Say(page.ZH, "applications.letter.to-agency")})
		}
	}
	return out, nil
}

// holderLetterWords are the fixed sentences of a letter.
type holderLetterWords struct {
	Title, Colon, Reply, Materials, NoAddress, Contact, Annex, On, AnnexTitle, ReplyNone string
	Columns                                                                              []string
}

func (p holderLetterPage) words() holderLetterWords {
	zh := func(key string, args ...any) string { return page.Say(page.ZH, "applications.letter."+key, args...) }
	kind := string(p.Kind)
	w := holderLetterWords{
		Title: zh("name." + kind), Colon: page.Say(page.ZH, "case-handling.colon"), Materials: zh("materials"), NoAddress: zh("no_address"),
		Contact: zh("contact", p.Issuer, p.Signer), Annex: zh("annex", len(p.Rows)), On: holderDay(p.Letter.On), AnnexTitle: zh("annex_title"),
		ReplyNone: zh("reply_none"), Reply: zh("reply_unknown"),
	}
	if !p.Letter.Reply.IsZero() {
		w.Reply = zh("reply", holderDay(p.Letter.Reply))
	}
	for _, name := range []string{"n", "number", "ground", "list", "reply"} {
		w.Columns = append(w.Columns, zh("column."+name))
	}
	return w
}

// holderDay writes a day as documents do (GB/T 9704-2012, 7.3.5.4).
func holderDay(on workday.Date) string {
	return page.Say(page.ZH, "applications.letter.day", on.Year(), int(on.Month()), on.Day())
}
