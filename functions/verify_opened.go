package main

import (
	"bytes"
	"encoding/json"
	"slices"

	"ipcredit/shared/credit"
	"ipcredit/shared/notary"
)

// logEntry is what opens an entry of the log of disclosures: the leaf commits to
// the document, and the document to each record's.
type logEntry struct {
	Index    int64       `json:"index"`
	URL      string      `json:"url"`
	Leaf     notary.Leaf `json:"leaf"`
	Salt     []byte      `json:"salt"`
	Document string      `json:"document"`
}

// openedSubject is the document.
type openedSubject struct {
	Code    string   `json:"code"`
	Name    string   `json:"name"`
	Records []string `json:"records"`
}

// openedRecord is a record's document.
type openedRecord struct {
	ID           string `json:"id"`
	Code         string `json:"code"`
	Act          string `json:"act"`
	InstrumentNo string `json:"instrumentNo"`
	Authority    string `json:"authority"`
	DeterminedOn string `json:"determinedOn"`
	// Disputed is nil in entries from before it was logged.
	Disputed *bool         `json:"disputed"`
	Events   []credit.Deed `json:"events"`
}

// subject opens the leaf's commitment; false if the document is not the one.
func (o logEntry) subject() (s openedSubject, ok bool) {
	ok = notary.Opens(o.Leaf.Commitment, o.Salt, []byte(o.Document)) && json.Unmarshal([]byte(o.Document), &s) == nil
	return s, ok
}

// holds tells whether the record's document is one of those committed to.
func (s openedSubject) holds(r credit.Opening) bool {
	return len(r.Salt) == notary.SaltSize && slices.Contains(s.Records, notary.Commit(r.Salt, []byte(r.Document)))
}

// disclosureFile is the proof of a disclosure as JSON: what opens its entry in
// the log, and its record in that.
type disclosureFile struct {
	logEntry
	Record credit.Opening `json:"record"`
	Proof  string         `json:"proof"`
}

// asDisclosure tells whether the file is one, and reads it.
func asDisclosure(data []byte) (f disclosureFile, ok bool) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	ok = json.Unmarshal(data, &f) == nil && f.Proof != "" && f.Record.Document != ""
	return f, ok
}

// disclosure checks the proof of a disclosure with all that it opens.
func (v verification) disclosure(f disclosureFile, out *verdict) error {
	out.Kind = "disclosure"
	bad := checkFailed("runner.verify.bad_disclosure")
	s, ok := f.subject()
	if !ok || !s.holds(f.Record) {
		return bad
	}
	r := new(openedRecord)
	if json.Unmarshal([]byte(f.Record.Document), r) != nil || r.ID != f.Record.ID {
		return bad
	}
	if err := v.leafIncluded([]byte(f.Proof), f.Leaf, &f.Index, out); err != nil {
		return err
	}
	out.By, out.Leaf, out.Content = out.Log, &f.Leaf, true
	out.Subject, out.Name, out.Record = s.Code, s.Name, r
	return nil
}

// deedWords are the words for what happened to a record.
var deedWords = map[string]string{
	"published": "runner.verify.deed.published", "corrected": "runner.verify.deed.corrected",
	"disputed": "runner.verify.deed.disputed", "undisputed": "runner.verify.deed.undisputed",
	"withdrawn": "runner.verify.deed.withdrawn", "reinstated": "runner.verify.deed.reinstated",
	"repaired": "runner.verify.deed.repaired", "unrepaired": "runner.verify.deed.unrepaired",
}

// deedWord says what happened to a record; an action of a later version has no
// word here.
func deedWord(action string) string {
	if key, ok := deedWords[action]; ok {
		return say(key)
	}
	return action
}
