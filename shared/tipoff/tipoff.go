// Package tipoff takes in tip-offs (举报) and lets those who handle them work on
// them, so that nobody else learns who said what about whom.
//
// Two halves share the package. An Intake holds public keys and the secrets that
// make receipts; it can lodge, and it can show a reporter his own tip-off while
// he shows his receipt, but it opens nothing by itself. An Office holds the keys
// of handling units and opens, for an officer whom staff.Can allows it, what was
// lodged with his unit.
//
// In the clear, in Redis and in the journal, stands what Report holds and no
// more: number, division and handling unit, kind, day, size bucket, state and
// clocks, whether a named reporter has to be told, and which officers did what.
// Everything else is sealed to a key that each tip-off has of its own
// (seal.Keys), wrapped to the handling unit, to the city's escrow key and to
// the key that the receipt's secret stands for. Dropping that one key erases the
// tip-off everywhere.
//
// The rules are functions of events and of the day; their numbers are the
// effective-dated rules "tipoff-…" of package ruleset.
package tipoff

import (
	"slices"

	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Kind is what a tip-off is about.
type Kind string

// The kinds (design §8), named by domain reference D and E.
const (
	AbnormalFilingAgency Kind = "abnormal-filing-agency" // an agency that files abnormal applications
	UnlicensedAgency     Kind = "unlicensed-agency"      // patent agency work without a licence
	BadFaithMark         Kind = "bad-faith-mark"         // bad-faith registration, squatting
	Infringement         Kind = "infringement"
	Counterfeit          Kind = "counterfeit"
	AgencyMisconduct     Kind = "agency-misconduct"
	BrokenCommitment     Kind = "broken-commitment" // a credit commitment that was not kept
	Unclear              Kind = "unclear"           // 不清楚: the reporter need not know
)

// Kinds lists the kinds in the order forms show them; Unclear is last. The words
// are the catalogue's "tipoff.kind."+Kind.
func Kinds() []Kind {
	return []Kind{AbnormalFilingAgency, UnlicensedAgency, BadFaithMark, Infringement, Counterfeit,
		AgencyMisconduct, BrokenCommitment, Unclear}
}

// Valid tells whether k is one of Kinds.
func (k Kind) Valid() bool { return slices.Contains(Kinds(), k) }

// Lodged is a tip-off as the reporter hands it in: the body of POST reports
// (design §8), and what the form's steps fill. Call Check before anything else.
type Lodged struct {
	Kind    Kind    `json:"kind"`
	Parties []Party `json:"parties"`
	// Narrative is what happened, 1 to the rule's longest number of characters.
	Narrative string `json:"narrative"`
	// Anonymous goes without Reporter; otherwise Reporter is complete.
	Anonymous bool      `json:"anonymous"`
	Reporter  *Reporter `json:"reporter,omitempty"`
	// OccurredOn is the day of the act, or of its end; none where not known.
	OccurredOn workday.Date `json:"occurredOn,omitzero"`
	// Continuing says that the act goes on: limitation has not begun.
	Continuing bool   `json:"continuing,omitzero"`
	Place      string `json:"place,omitzero"`
	// Division is the code of the county or zone the reporter chose; empty leaves
	// it to Route.
	Division string `json:"division,omitzero"`
	// Numbers are application, patent or mark numbers; Check makes them canonical.
	Numbers []string `json:"numbers,omitempty"`
	// Language is zh (also when empty) or en: that of the answers.
	Language string `json:"language,omitzero"`
	// Insider says that the reporter works for a reported party (被举报人为本单位).
	Insider bool `json:"insider,omitzero"`
	// Reward says that the reporter wishes to be considered for a reward.
	Reward bool `json:"reward,omitzero"`
	// Official takes the route of tip-offs against an official or this bureau.
	Official bool `json:"official,omitzero"`
	// Files describes the evidence handed in with it, as the browser saw it: it
	// is part of what the receipt proves.
	Files []File `json:"files,omitempty"`
}

// Party is somebody a tip-off is about.
type Party struct {
	Name string `json:"name"`
	Code string `json:"code,omitzero"` // unified social credit code
}

// Reporter is who a named reporter is. It is sealed to the custodian and then
// to the tip-off's own key, and stands nowhere else.
type Reporter struct {
	Name    string `json:"name"`
	Contact string `json:"contact"`
}

// String shows nothing, so that no log line names a reporter.
func (Reporter) String() string { return "[reporter]" }

// GoString shows nothing.
func (Reporter) GoString() string { return "[reporter]" }

// File describes one piece of evidence as its sender has it.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256,omitzero"` // lower-case hex of the whole file
}

// Box is an evidence box with the private key (age, as seal.Identity.Reveal
// writes it) that its pieces are sealed to. It stands inside sealed content
// only, so that a box dies with its tip-off's key.
type Box struct {
	ID  string `json:"id"`
	Key string `json:"key"`
}

// String shows nothing of the key.
func (b Box) String() string { return b.ID }

// GoString shows nothing of the key.
func (b Box) GoString() string { return b.ID }

// Channel is the way a tip-off came in.
type Channel string

// The channels. The words are the catalogue's "tipoff.channel."+Channel.
const (
	Web       Channel = "web"       // the form or POST reports
	Telephone Channel = "telephone" // written down by an officer
	Letter    Channel = "letter"
	Counter   Channel = "counter"
	Hotline   Channel = "12315" // handed over by 全国12315平台
	CityLine  Channel = "12345" // handed over by 12345政务服务便民热线
)

// Channels lists the channels in the order pages show them.
func Channels() []Channel { return []Channel{Web, Telephone, Letter, Counter, Hotline, CityLine} }

// Oral tells whether what came this way was spoken and has to be written down.
func (c Channel) Oral() bool { return c == Telephone || c == Counter }

// Warning is something a reporter should know before sending; it never stops
// him. The sentence is the catalogue's "tipoff.warn."+Code.
type Warning struct {
	// Field is what it is about, named as faults name fields.
	Field string `json:"field"`
	Code  string `json:"code"`
	Args  []any  `json:"args,omitempty"`
	// Basis is the provision it rests on, where there is one.
	Basis *workday.Basis `json:"basis,omitempty"`
}

// resource is what staff.Can needs to know of a tip-off. Parties are known only
// after opening.
func (r Report) resource(parties []Party) staff.Resource {
	res := staff.UnitResource(r.Unit, r.Division)
	res.Handlers, res.Approvers = r.Handlers, r.Approvers
	for _, p := range parties {
		res.Parties = append(res.Parties, staff.Party{Code: p.Code, Name: p.Name})
	}
	return res
}
