package credit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"

	"ipcredit/shared/catalog"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Law is the rules and the calendar that judge records, read once. Its answers
// never change, and it is safe for concurrent use.
type Law struct {
	calendar    workday.Calendar
	fingerprint string
	// rules is the fingerprint without the calendar; months remembers those of parts
	// of the calendar, see reliance.
	rules  string
	months *sync.Map
	// catalog says which documents can become records at all. It judges rows and
	// nothing that is stored, so it is no part of the fingerprint.
	catalog catalog.Catalog
	// counting says that some limit counts working days beside those that reliance
	// knows of.
	counting bool

	penalty      versions[penaltyRule]
	lowerFine    versions[lowerFineRule]
	republish    versions[republishRule]
	longest58    versions[longestRule58]
	tiers        versions[tierRule]
	penaltyTier  versions[penaltyTierRule]
	cnipa        versions[cnipaRule]
	repairFrom   versions[repairFromRule]
	tierInstead  versions[appliesRule]
	sameDay      versions[struct{}]
	maximum      versions[longestRule]
	judgment     versions[judgmentRule]
	challenge    versions[challengeRule]
	badge        versions[badgeRule]
	exclusion    versions[exclusionRule]
	classes      versions[classRule]
	competence   versions[competenceRule]
	authorities  versions[authorityRule]
	minors       versions[minorRule]
	simple       versions[struct{}]
	merged       versions[mergedRule]
	earliest     versions[earliestRule]
	list44       versions[longestRule]
	madeGood     versions[madeGoodRule]
	good         versions[goodRule]
	negatedTerms *regexp.Regexp
}

type (
	penaltyRule struct {
		NeverAlone         []string       `json:"neverAlone"`
		ShortClasses       []string       `json:"shortClasses"`
		ShortWithLowerFine bool           `json:"shortWithLowerFine"`
		Short              workday.Period `json:"short"`
		Long               workday.Period `json:"long"`
		BanClasses         []string       `json:"banClasses"`
	}
	lowerFineRule struct {
		PersonBelowFen       int64 `json:"personBelowFen"`
		OrganizationBelowFen int64 `json:"organizationBelowFen"`
	}
	republishRule struct {
		Latest workday.Period `json:"latest"`
	}
	longestRule58 struct {
		Penalty workday.Period `json:"penalty"`
	}
	longestRule struct {
		Longest workday.Period `json:"longest"`
	}
	tierTerm struct {
		Shortest  workday.Period `json:"shortest"`
		Longest   workday.Period `json:"longest"`
		Displayed bool           `json:"displayed"`
	}
	tierRule struct {
		Minor   tierTerm `json:"minor"`
		General tierTerm `json:"general"`
		Serious tierTerm `json:"serious"`
	}
	penaltyTierRule struct {
		Classes     map[string]Tier `json:"classes"`
		HugeFineFen int64           `json:"hugeFineFen"` // 0: no threshold known
	}
	cnipaRule struct {
		Term               workday.Period `json:"term"`
		Longest            workday.Period `json:"longest"`
		RepairAfter        workday.Period `json:"repairAfter"`
		RefusedAfterRepair workday.Period `json:"refusedAfterRepair"`
	}
	repairFromRule struct {
		DayAfter bool `json:"dayAfter"`
	}
	appliesRule struct {
		Applies bool `json:"applies"`
	}
	judgmentRule struct {
		Longest    workday.Period `json:"longest"`
		Favourable []string       `json:"favourable"`
	}
	challengeRule struct {
		Review workday.Period `json:"review"`
		Suit   workday.Period `json:"suit"`
	}
	badgeRule struct {
		Kinds []Kind `json:"kinds"`
	}
	minorRule struct {
		FullAge int `json:"fullAge"`
	}
	exclusionRule struct {
		Simple    []string `json:"naturalPersonSimpleProcedure"`
		DocPrefix []string `json:"simpleProcedureDocPrefix"`
	}
	mergedRule struct {
		ChainTogether bool `json:"chainTogether"`
	}
	earliestRule struct {
		Earliest workday.Date `json:"earliest"`
	}
	classRule struct {
		Classes      []string          `json:"classes"`
		Aliases      map[string]string `json:"aliases"`
		Fine         string            `json:"fine"`
		Confiscation string            `json:"confiscation"`
		Licence      []string          `json:"licence"`
	}
)

func (r tierRule) of(t Tier) (tierTerm, bool) {
	switch t {
	case Minor:
		return r.Minor, true
	case General:
		return r.General, true
	case Serious:
		return r.Serious, true
	}
	return tierTerm{}, false
}

// version is a rule with its parameters read.
type version[T any] struct {
	ruleset.Rule
	P T
}

// versions are all versions of one rule, by first day.
type versions[T any] []version[T]

// on is the version in force on the day of the event.
func (v versions[T]) on(d workday.Date) (version[T], bool) {
	for _, r := range v {
		if r.InForce(d) {
			return r, true
		}
	}
	return version[T]{}, false
}

// or is on, or the first version for an event before all of them: an old record
// must not be shown longer because no rule of its own time is known here.
func (v versions[T]) or(d workday.Date) version[T] {
	if r, ok := v.on(d); ok {
		return r
	}
	return v[0]
}

// NewLaw reads the rules it needs from the set. A rule that is missing or has
// other parameters is an error: nothing is judged by half a law.
func NewLaw(calendar workday.Calendar, set ruleset.Set) (*Law, error) {
	l := &Law{calendar: calendar, months: new(sync.Map), catalog: catalog.Shipped()}
	var err error
	var text strings.Builder
	print := sha256.New()
	load := func(f func(ruleset.Set, io.Writer) error) {
		if err == nil {
			err = f(set, io.MultiWriter(print, &text))
		}
	}
	load(read(&l.penalty, "penalty-display"))
	load(read(&l.lowerFine, "penalty-lower-fine"))
	load(read(&l.republish, "penalty-republish-start"))
	load(read(&l.longest58, "display-longest"))
	load(read(&l.tiers, "display-tiers"))
	load(read(&l.penaltyTier, "tier-of-penalty"))
	load(read(&l.cnipa, "cnipa-dishonesty"))
	load(read(&l.repairFrom, "repair-from"))
	load(read(&l.tierInstead, "tier-over-chain"))
	load(read(&l.sameDay, "same-day-determinations"))
	load(read(&l.maximum, "dishonesty-maximum"))
	load(read(&l.judgment, "judgment-display"))
	load(read(&l.challenge, "open-to-challenge"))
	load(read(&l.badge, "badge"))
	load(read(&l.exclusion, "collection-exclusion"))
	load(read(&l.classes, "penalty-classes"))
	load(read(&l.competence, "competence"))
	load(read(&l.authorities, "authority-names"))
	load(read(&l.minors, "minor-unpublished"))
	load(read(&l.simple, "simple-procedure-display"))
	load(read(&l.merged, "merged-records"))
	load(read(&l.earliest, "earliest-document"))
	load(read(&l.list44, "serious-list"))
	load(read(&l.madeGood, "collection-exclusion-made-good"))
	// What three good years bring changes nothing that is shown.
	if err == nil {
		err = read(&l.good, "good-years")(set, io.Discard)
	}
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(print, "edition %d\n", edition)
	l.rules = base64.RawURLEncoding.EncodeToString(print.Sum(nil)[:8])
	for line := range strings.Lines(text.String()) {
		l.counting = l.counting || strings.Contains(line, string(workday.Workdays)) && !strings.HasPrefix(line, "penalty-republish-start@")
	}
	if err := json.NewEncoder(print).Encode(calendar.Years()); err != nil {
		return nil, fmt.Errorf("credit: fingerprint of the calendar: %w", err)
	}
	l.fingerprint = base64.RawURLEncoding.EncodeToString(print.Sum(nil)[:8])
	l.negatedTerms = regexp.MustCompile(`(非|不适用|未适用|不属于|不是|并非)(适用)?(简易程序|简易处罚|当场处罚)`)
	return l, nil
}

// edition numbers the code that reads the rules. Raise it with every change of
// the code that lets a record be shown otherwise under the same rules: stored
// answers of another edition are not used.
const edition = 1

// Fingerprint tells this law from every other: two laws with the same
// fingerprint show the same records in the same way at every instant. It covers
// the rules that the law reads, the calendar with its imported years, and the
// edition of the code.
func (l *Law) Fingerprint() string { return l.fingerprint }

// Under is the law with another catalogue.
func (l *Law) Under(c catalog.Catalog) *Law {
	next := *l
	next.catalog = c
	return &next
}

// Catalog is the catalogue that rows are judged by.
func (l *Law) Catalog() catalog.Catalog { return l.catalog }

// read loads all versions of a rule and adds them to the fingerprint.
func read[T any](into *versions[T], id string) func(ruleset.Set, io.Writer) error {
	return func(set ruleset.Set, print io.Writer) error {
		for _, r := range set.All() {
			if r.ID != id {
				continue
			}
			p, err := ruleset.Params[T](r)
			if err != nil {
				return err
			}
			var compact bytes.Buffer
			if err := json.Compact(&compact, r.Params); err != nil {
				return fmt.Errorf("credit: parameters of %s: %w", r.Ref(), err)
			}
			*into = append(*into, version[T]{r, p})
			// What a rule is called changes no answer.
			fmt.Fprintf(print, "%s %s %s\n", r.Ref(), r.To, compact.Bytes())
		}
		if len(*into) == 0 {
			return fmt.Errorf("credit: no rule %s", id)
		}
		return nil
	}
}

var shipped = func() *Law {
	l, err := NewLaw(workday.Official(), ruleset.Shipped())
	if err != nil {
		panic(err)
	}
	return l
}()

// Shipped is the law that comes with the program: its rules and its calendar.
func Shipped() *Law { return shipped }
