// Package credit holds the records that make up a subject's credit: penalties,
// licences, determinations of dishonesty, commendations and judgments.
//
// It says which uploaded row can become a record (Law.Parse), which records a
// stranger may see at an instant and until when (Law.Show), and when one could
// be repaired (Law.Estimate). All of it is pure: instants and dates are
// arguments, and the law is a value built from dated rules (package ruleset) and
// the official calendar (package workday).
//
// What it guarantees to whoever reads a record: nothing is shown before its
// lawful day or after its last one, even if no job ran; where several rules set
// an end, the earliest counts; nothing about a minor, no penalty that is a mere
// warning and nothing withdrawn is shown at all.
package credit

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"time"

	"ipcredit/shared/catalog"
	"ipcredit/shared/workday"
)

// What the catalogue speaks of as well, see package catalog.
type (
	Kind    = catalog.Kind
	Source  = catalog.Source
	Channel = catalog.Channel
	Tier    = catalog.Tier
)

// The kinds, sources, channels and tiers.
const (
	Penalty       = catalog.Penalty
	Licence       = catalog.Licence
	Determination = catalog.Determination
	Commendation  = catalog.Commendation
	Judgment      = catalog.Judgment

	Admin    = catalog.Admin
	Judicial = catalog.Judicial
	Industry = catalog.Industry

	Original  = catalog.Original
	Republish = catalog.Republish
	Internal  = catalog.Internal

	Minor   = catalog.Minor
	General = catalog.General
	Serious = catalog.Serious
)

// SeriousList is the act of being listed under Order 44 (严重违法失信名单). It is
// decided together with a heavier penalty, by who imposed that; the others of its
// kind are CNIPA's.
const SeriousList = "SL"

// Kinds lists the kinds in the order pages show them.
var Kinds = catalog.Kinds

// Reason is why a record is kept and not shown. The words are the catalogue's
// "credit.unpublished."+Reason.
type Reason string

// The reasons.
const (
	OfMinor         Reason = "minor"            // the party is under age
	AgeUnknown      Reason = "age-unknown"      // a person whose papers do not tell the age
	WarningOnly     Reason = "warning-only"     // Order 45 art. 2
	SimpleProcedure Reason = "simple-procedure" // Order 45 art. 2
	TradeSecret     Reason = "trade-secret"     // Order 45 art. 6, set by an officer
	StateSecret     Reason = "state-secret"     // Order 45 art. 5, set by an officer
)

// Record is one credit record as it is stored. It may gain fields; a field never
// changes its meaning.
type Record struct {
	// ID is stable through corrections, see NewID.
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// Act is the item of the catalogue: DA1 to DA7 and SeriousList for determinations, else the kind.
	Act  string `json:"act"`
	Tier Tier   `json:"tier,omitempty"`
	// InstrumentNo is the number of the legal document, in canonical form.
	InstrumentNo  string  `json:"instrumentNo"`
	Authority     string  `json:"authority"`
	AuthorityCode string  `json:"authorityCode,omitempty"`
	Source        Source  `json:"source"`
	Channel       Channel `json:"channel"`
	// DeterminedOn is the date of the document; of a judgment, the day it took effect.
	DeterminedOn workday.Date `json:"determinedOn"`
	// PublishedOn is the day the record first stood in this system. A correction
	// keeps it, so that correcting a row does not start its display anew.
	PublishedOn workday.Date `json:"publishedOn,omitzero"`
	// SourceUntil is the last day of display at the source (公示截止期), a column
	// of penalties; what ends a licence is its validity.
	SourceUntil workday.Date `json:"sourceUntil,omitzero"`
	// ServedOn is the day the decision was served, from which review and suit
	// run; unknown, they run from DeterminedOn.
	ServedOn workday.Date `json:"servedOn,omitzero"`
	// ChallengedOn is the day review or suit was sought. While it is set and
	// UpheldOn is not, the record stays open to challenge.
	ChallengedOn workday.Date `json:"challengedOn,omitzero"`
	// UpheldOn is the day from which the document can be challenged no more.
	UpheldOn workday.Date `json:"upheldOn,omitzero"`
	// ShowMinor is the reason why a record of the minor tier must be displayed
	// all the same; empty, it is not.
	ShowMinor string `json:"showMinor,omitempty"`
	// From is the credit code of the subject that the document names, where that
	// is another than the one that has the record now: one that was merged into it.
	From string `json:"from,omitempty"`
	// NaturalPerson tells that the subject is one: amounts and rules differ.
	NaturalPerson bool    `json:"naturalPerson,omitempty"`
	Content       Content `json:"content"`
	SourceURL     string  `json:"sourceUrl,omitempty"`
	// CollectedAt and BatchID tell where this version came from.
	CollectedAt time.Time `json:"collectedAt"`
	BatchID     string    `json:"batchId,omitempty"`
	// Rules are the versions of the rules applied, see ruleset.Rule.Ref.
	Rules []string `json:"rules,omitempty"`
	// Item is the version of the catalogue's item in force on the day of the
	// document, see catalog.Item.Ref. A later version changes nothing here.
	Item     string `json:"item,omitempty"`
	Disputed bool   `json:"disputed,omitempty"`
	// DisputedThere: the city that it came from says that it is disputed there. It
	// is disputed here as well then, whatever becomes of an objection here.
	DisputedThere bool `json:"disputedThere,omitempty"`
	// EndedThere: that city said that it ended, which is why it ended here. It
	// stands again here where it stands again there.
	EndedThere  bool        `json:"endedThere,omitempty"`
	Withdrawn   *Withdrawal `json:"withdrawn,omitempty"`
	Repaired    *Repair     `json:"repaired,omitempty"`
	Unpublished Reason      `json:"unpublished,omitempty"`
	// Deeds are what happened to the record since it was published, oldest first.
	Deeds []Deed `json:"deeds,omitempty"`
	// History holds the versions before this one, oldest first.
	History []Version `json:"history,omitempty"`
}

// Withdrawal takes a record back: annulled, held unlawful, or uploaded in error.
type Withdrawal struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// Repair ends display and use from the start of the day On.
type Repair struct {
	On workday.Date `json:"on"`
}

// Version is a record as it stood before a correction.
type Version struct {
	Record     Record    `json:"record"` // without its own history and events
	ReplacedAt time.Time `json:"replacedAt"`
	// Amended tells that officers replaced it, and not another row.
	Amended bool `json:"amended,omitempty"`
}

// Content is what the document says, by kind; one of the pointers is set. No
// text in it names an identity number, a phone number or a bank account, and
// natural persons' names in it are masked.
type Content struct {
	Penalty       *PenaltyContent       `json:"penalty,omitempty"`
	Licence       *LicenceContent       `json:"licence,omitempty"`
	Determination *DeterminationContent `json:"determination,omitempty"`
	Commendation  *CommendationContent  `json:"commendation,omitempty"`
	Judgment      *JudgmentContent      `json:"judgment,omitempty"`
}

// PenaltyContent is the summary of a penalty decision (Order 45 art. 4). Amounts
// are in fen (0.01 yuan).
type PenaltyContent struct {
	Violation      string       `json:"violation"`
	Facts          string       `json:"facts"`
	Basis          string       `json:"basis"`
	Classes        []string     `json:"classes"`
	Text           string       `json:"text,omitempty"`
	FineFen        int64        `json:"fineFen,omitempty"`
	ConfiscatedFen int64        `json:"confiscatedFen,omitempty"`
	LicenceNamed   string       `json:"licenceNamed,omitempty"`
	ValidUntil     workday.Date `json:"validUntil,omitzero"` // 处罚有效期
	Remark         string       `json:"remark,omitempty"`
	DataSource     string       `json:"dataSource,omitempty"`
	DataSourceCode string       `json:"dataSourceCode,omitempty"`
}

// LicenceContent is the summary of a licensing decision.
type LicenceContent struct {
	Document       string       `json:"document,omitempty"` // 许可决定文书名称
	Project        string       `json:"project,omitempty"`
	Category       string       `json:"category,omitempty"`
	Certificate    string       `json:"certificate,omitempty"`
	CertificateNo  string       `json:"certificateNo,omitempty"`
	Text           string       `json:"text"`
	ValidFrom      workday.Date `json:"validFrom,omitzero"`
	ValidUntil     workday.Date `json:"validUntil,omitzero"` // 2099-12-31: without end
	Void           bool         `json:"void,omitempty"`      // 当前状态 无效
	Remark         string       `json:"remark,omitempty"`
	DataSource     string       `json:"dataSource,omitempty"`
	DataSourceCode string       `json:"dataSourceCode,omitempty"`
}

// DeterminationContent is the basis of a determination of dishonesty.
type DeterminationContent struct {
	Basis string `json:"basis"`
}

// CommendationContent is what a subject was commended for.
type CommendationContent struct {
	Text string `json:"text"`
}

// JudgmentContent is the outcome of a case that has taken effect.
type JudgmentContent struct {
	Cause  string `json:"cause"`
	Result string `json:"result"`
}

// Endless is how the national lists write "without end".
var Endless = workday.MustDate("2099-12-31")

// idEncoding is Crockford's alphabet: no I, L, O, U, which are misread.
var idEncoding = base32.NewEncoding(idLetters).WithPadding(base32.NoPadding)

// NewID is the identity of a record: the authority, the number of its document
// and the subject (a document may name several). The authority is its
// normalised name. The same row gives the same ID for ever.
func NewID(kind Kind, authority, instrumentNo, subject string) string {
	h := sha256.New()
	for _, s := range []string{string(kind), authority, instrumentNo, subject} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return idEncoding.EncodeToString(h.Sum(nil)[:10])
}

// Supersede lays a newly parsed row over the record of the same ID. A row that
// says the same again changes nothing (false): it counts once. A corrected row
// keeps ID, first day of display, objection, withdrawal and repair, and the
// version it replaces goes to the history. A row that says what officers have
// since corrected changes nothing either.
func Supersede(old, row Record, at time.Time) (Record, bool) {
	if old.says() == row.says() || old.Item != row.Item && old.says() == row.under(old) {
		return old, false
	}
	// A ruling outlives the row that it found wrong, however often it is sent.
	for _, v := range old.History {
		if v.Amended && (v.Record.says() == row.says() || v.Record.says() == row.under(v.Record)) {
			return old, false
		}
	}
	next := row
	next.ID, next.From = old.ID, old.From
	next.PublishedOn = workday.Min(old.PublishedOn, row.PublishedOn)
	next.Disputed, next.Withdrawn, next.Repaired = old.Disputed, old.Withdrawn, old.Repaired
	next.DisputedThere, next.EndedThere = old.DisputedThere, old.EndedThere
	next.ServedOn = later(row.ServedOn, old.ServedOn)
	next.ChallengedOn = later(row.ChallengedOn, old.ChallengedOn)
	next.UpheldOn = later(row.UpheldOn, old.UpheldOn)
	if next.ShowMinor == "" {
		next.ShowMinor = old.ShowMinor
	}
	// What an officer withheld stays withheld whatever the row says.
	if old.Unpublished == TradeSecret || old.Unpublished == StateSecret {
		next.Unpublished = old.Unpublished
	}
	next.Deeds = deeds(old, next, true, at)
	before := old
	before.History, before.Deeds = nil, nil
	next.History = append(append([]Version(nil), old.History...), Version{Record: before, ReplacedAt: at.UTC()})
	return next, true
}

// later is the row's date if it has one, else the stored one.
func later(row, old workday.Date) workday.Date {
	if row.IsZero() {
		return old
	}
	return row
}

// under is what the row would state under the version of the catalogue that the
// stored record was read by: another version alone alters nothing that is stored.
func (r Record) under(old Record) string {
	r.Channel, r.Tier = old.Channel, old.Tier
	return r.says()
}

// says is what the row states, without what this system adds to it.
func (r Record) says() string {
	r.From = ""
	r.ID, r.PublishedOn, r.CollectedAt, r.BatchID, r.Rules = "", workday.Date{}, time.Time{}, "", nil
	r.Item, r.Disputed, r.Withdrawn, r.Repaired, r.History, r.Deeds, r.ShowMinor = "", false, nil, nil, nil, nil, ""
	r.DisputedThere, r.EndedThere = false, false
	r.ServedOn, r.ChallengedOn, r.UpheldOn = workday.Date{}, workday.Date{}, workday.Date{}
	if r.Unpublished == TradeSecret || r.Unpublished == StateSecret {
		r.Unpublished = ""
	}
	b, err := json.Marshal(r)
	if err != nil {
		panic("credit: a record is always JSON: " + err.Error())
	}
	return string(b)
}
