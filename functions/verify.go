package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ipcredit/shared/fault"
	"ipcredit/shared/notary"
	"ipcredit/shared/tipoff"
)

// verifyCommand checks one file that the city gave to somebody, without asking
// anybody: a proof of the log or of a disclosure, the receipt of a tip-off, a
// credit statement.
func verifyCommand(p *place) *cobra.Command {
	v := verification{place: p, now: time.Now}
	c := &cobra.Command{
		Use:   "verify FILE",
		Short: say("runner.verify.short"),
		Long:  say("runner.verify.long"),
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			out, err := v.check(args[0])
			if err != nil {
				return err
			}
			return p.print(out, "runner.verify.ok", out.File, out.sentence())
		},
	}
	c.Flags().StringArrayVar(&v.keys, "key", nil, say("runner.verify.key"))
	c.Flags().StringVar(&v.entry, "entry", "", say("runner.verify.entry"))
	c.Flags().StringVar(&v.document, "document", "", say("runner.verify.document"))
	c.Flags().StringVar(&v.salt, "salt", "", say("runner.verify.salt"))
	c.Flags().StringVar(&v.receipt, "receipt", "", say("runner.verify.receipt"))
	c.Flags().StringVar(&v.proof, "proof", "", say("runner.verify.proof"))
	return c
}

// verification is one call of the command: flags that are empty were not given.
type verification struct {
	place *place
	now   func() time.Time
	// keys are files of public keys, or the keys themselves.
	keys []string
	// entry, document, receipt and proof are files.
	entry, document, salt, receipt, proof string
}

// verdict is what the check of a file has shown.
type verdict struct {
	File string `json:"file"`
	Kind string `json:"kind"` // "proof", "disclosure", "receipt" or "statement"
	OK   bool   `json:"ok"`
	// By is who signed: the log's origin, or the statement's issuer.
	By string `json:"by"`
	// Log is the log that holds it, with Index and the Size of the signed tree;
	// empty where no proof was at hand.
	Log   string       `json:"log,omitempty"`
	Index *int64       `json:"index,omitempty"`
	Size  int64        `json:"size,omitempty"`
	Leaf  *notary.Leaf `json:"leaf,omitempty"`
	// Content tells that the commitment was opened with the content itself.
	Content bool `json:"content"`
	// Number and Day are a receipt's, Subject, Issued and Expires a statement's,
	// Subject, Name and Record a disclosure's.
	Number  string        `json:"reportNo,omitempty"`
	Day     string        `json:"day,omitempty"`
	Subject string        `json:"subject,omitempty"`
	Name    string        `json:"name,omitempty"`
	Issued  *time.Time    `json:"issued,omitempty"`
	Expires *time.Time    `json:"expires,omitempty"`
	Record  *openedRecord `json:"record,omitempty"`
	// Not are the words for what was not checked, and what would check it.
	Not []string `json:"notChecked"`
}

func (v *verdict) lacks(key string, args ...any) { v.Not = append(v.Not, say(key, args...)) }

// check tells what kind of file it is and checks it as that. An error is the end
// of the command.
func (v verification) check(path string) (*verdict, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	out := &verdict{File: path, Not: []string{}}
	if err := v.read(data, out); err != nil {
		return nil, wrong(path, err)
	}
	out.OK = true
	return out, nil
}

// read tells by what it holds which kind of file it is.
func (v verification) read(data []byte, out *verdict) error {
	if bytes.HasPrefix(data, []byte("c2sp.org/tlog-proof@")) {
		return v.tlogProof(data, out)
	}
	if isJWS(data) {
		return v.statement(bytes.TrimSpace(data), out)
	}
	if f, ok := asDisclosure(data); ok {
		return v.disclosure(f, out)
	}
	return v.tipOff(data, out)
}

// sentence is the verdict for people, a line for each fact.
func (v *verdict) sentence() string {
	var lines []string
	add := func(key string, args ...any) { lines = append(lines, "  "+say(key, args...)) }
	add("runner.verify.by", v.By)
	switch v.Kind {
	case "receipt":
		add("runner.verify.of_receipt", v.Number, v.Day)
	case "statement":
		add("runner.verify.of_statement", v.Subject, v.Issued.Format(time.RFC3339), v.Expires.Format(time.RFC3339))
	case "disclosure":
		add("runner.verify.of_disclosure", v.Name, v.Subject, v.Record.Authority, v.Record.InstrumentNo, v.Record.DeterminedOn)
		for _, e := range v.Record.Events {
			add("runner.verify.event", e.On.String(), deedWord(e.Action))
		}
		if v.Record.Disputed != nil && *v.Record.Disputed {
			add("runner.verify.disputed")
		}
	}
	if v.Log != "" {
		add("runner.verify.logged", *v.Index, v.Log, v.Size)
	}
	if v.Leaf != nil {
		add("runner.verify.leaf", v.Leaf.Event, v.Leaf.At, v.Leaf.Commitment)
	}
	if v.Content {
		add("runner.verify.content")
	}
	for _, n := range v.Not {
		add("runner.verify.not", n)
	}
	return strings.Join(lines, "\n")
}

// errCheck is a check that did not pass, in words.
type errCheck struct{ line string }

func (e errCheck) Error() string { return e.line }

func checkFailed(key string, args ...any) error { return errCheck{say(key, args...)} }

// wrong makes what a check has found the end of the command: exit 1 in words for
// whoever holds the file.
func wrong(path string, err error) error {
	var s *stop
	if errors.As(err, &s) {
		return err // a file that cannot be read, or a flag that makes no sense
	}
	why := err.Error()
	var check errCheck
	f, refused := fault.Of(err)
	switch {
	case errors.As(err, &check):
	case refused:
		return told(f)
	case errors.Is(err, notary.ErrSignature):
		why = say("runner.verify.bad_signature")
	case errors.Is(err, notary.ErrNotIncluded):
		why = say("runner.verify.bad_proof")
	case errors.Is(err, tipoff.ErrProof):
		why = say("runner.verify.bad_receipt")
	}
	return &stop{exitFailed, say("runner.verify.failed", path, why), nil}
}

// tlogProof checks a .tlog-proof with the entry it brings, or with the one given.
func (v verification) tlogProof(data []byte, out *verdict) error {
	out.Kind = "proof"
	proof, err := notary.ParseProof(data)
	if err != nil {
		return checkFailed("runner.verify.no_proof")
	}
	entry := proof.Extra
	if v.entry != "" {
		if entry, err = readFile(v.entry); err != nil {
			return err
		}
	}
	if len(entry) == 0 {
		return &stop{exitUsage, say("runner.verify.no_entry"), nil}
	}
	if err := v.included(proof, entry, out); err != nil {
		return err
	}
	out.By = out.Log
	leaf, err := notary.ParseLeaf(entry)
	if err != nil {
		return nil // another log's entry: proved, whatever it says
	}
	out.Leaf = &leaf
	if v.document == "" || v.salt == "" {
		out.lacks("runner.verify.lacks_document")
		return nil
	}
	document, err := readFile(v.document)
	if err != nil {
		return err
	}
	salt, err := readSalt(v.salt)
	if err != nil {
		return err
	}
	if !notary.Opens(leaf.Commitment, salt, document) {
		return checkFailed("runner.verify.bad_document")
	}
	out.Content = true
	return nil
}

// included checks that a log of a known key holds the entry.
func (v verification) included(proof notary.Proof, entry []byte, out *verdict) error {
	origin, _, _ := strings.Cut(string(proof.Checkpoint), "\n")
	keys, err := v.notesKey(origin)
	if err != nil {
		return err
	}
	public, err := notary.ParsePublic(keys)
	if err != nil {
		return &stop{exitUsage, say("runner.verify.bad_key"), err}
	}
	c, err := proof.Verify(entry, public)
	if err != nil {
		return err
	}
	out.Log, out.Index, out.Size = c.Origin, &proof.Index, c.Size
	return nil
}

// tipOff checks the receipt of a tip-off: a file that report-intake gave, its
// answer as JSON, or the bare signed note.
func (v verification) tipOff(data []byte, out *verdict) error {
	out.Kind = "receipt"
	r, err := readReceipt(data)
	if err != nil {
		return err
	}
	if v.document != "" {
		if r.document, err = readFile(v.document); err != nil {
			return err
		}
	}
	if v.receipt != "" {
		text, err := readFile(v.receipt)
		if err != nil {
			return err
		}
		r.secret = strings.TrimSpace(string(text))
	}
	lines := strings.SplitN(string(r.note), "\n", 3)
	if len(lines) < 3 {
		return checkFailed("runner.verify.unknown")
	}
	keys, err := v.notesKey(lines[1])
	if err != nil {
		return err
	}
	proved, err := tipoff.OpenProof(r.note, keys)
	if err != nil {
		return err
	}
	out.By, out.Number, out.Day = proved.Origin, proved.Number, proved.Day.String()
	switch {
	case r.secret == "" || len(r.document) == 0:
		out.lacks("runner.verify.lacks_receipt")
	default:
		if _, err := tipoff.VerifyProof(r.note, keys, r.number, r.secret, r.document); err != nil {
			return err
		}
		out.Content = true
	}
	leaf := proved.Leaf()
	out.Leaf = &leaf
	if v.proof != "" {
		if r.inclusion, err = readFile(v.proof); err != nil {
			return err
		}
	}
	if len(r.inclusion) == 0 {
		out.lacks("runner.verify.lacks_proof")
		return nil
	}
	return v.leafIncluded(r.inclusion, leaf, nil, out)
}

// leafIncluded checks that a proof is one of the leaf, at the index if one is
// given.
func (v verification) leafIncluded(data []byte, leaf notary.Leaf, index *int64, out *verdict) error {
	proof, err := notary.ParseProof(data)
	if err != nil {
		return checkFailed("runner.verify.no_proof")
	}
	if index != nil && *index != proof.Index {
		return checkFailed("runner.verify.bad_index", proof.Index, *index)
	}
	entry, err := leaf.Entry()
	if err != nil {
		return checkFailed("runner.verify.no_leaf")
	}
	return v.included(proof, entry, out)
}

// receiptFile is what somebody has kept of a tip-off.
type receiptFile struct {
	number, secret            string
	note, document, inclusion []byte
}

// readReceipt takes a receipt apart, in whatever form it was kept.
func readReceipt(data []byte) (receiptFile, error) {
	// An editor may have written the ends of lines its own way; the note and the
	// document have none but its own.
	data = bytes.ReplaceAll(bytes.TrimPrefix(data, []byte("\ufeff")), []byte("\r\n"), []byte("\n"))
	var answer struct {
		ReportNo, Receipt, ReceiptProof, InclusionProof string
		Lodged                                          json.RawMessage
	}
	if json.Unmarshal(data, &answer) == nil && answer.ReceiptProof != "" {
		return receiptFile{
			number: answer.ReportNo, secret: answer.Receipt, note: []byte(answer.ReceiptProof),
			inclusion: []byte(answer.InclusionProof), document: canonical(answer.Lodged),
		}, nil
	}
	note, inside := between(data, "PROOF", "")
	if !inside {
		if !bytes.Contains(data, []byte("\n\n— ")) {
			return receiptFile{}, checkFailed("runner.verify.unknown")
		}
		return receiptFile{note: data}, nil
	}
	r := receiptFile{note: note}
	r.document, _ = between(data, "DOCUMENT", "\n")
	before, _, _ := bytes.Cut(data, []byte("-----BEGIN "))
	for line := range bytes.Lines(before) {
		if text := strings.TrimSpace(string(line)); text != "" && tipoff.CheckReceipt(text) == nil {
			r.secret = text
		}
	}
	return r, nil
}

// between is what stands between two marks, without the end that belongs to the
// second.
func between(data []byte, mark, end string) ([]byte, bool) {
	_, rest, found := bytes.Cut(data, []byte("-----BEGIN "+mark+"-----\n"))
	if !found {
		return nil, false
	}
	body, _, found := bytes.Cut(rest, []byte(end+"-----END "+mark+"-----"))
	return body, found
}

// canonical undoes what writing a document into another one does to it: some
// characters are escaped there that are not in the document.
func canonical(document json.RawMessage) []byte {
	if len(document) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var tree any
	if d.Decode(&tree) != nil {
		return document
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if e.Encode(tree) != nil {
		return document
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// notesKey are the public keys of this origin among those given, or of the
// installation in the data directory.
func (v verification) notesKey(origin string) (string, error) {
	var all strings.Builder
	for _, k := range v.keys {
		text, err := keyText(k)
		if err != nil {
			return "", err
		}
		all.WriteString(text + "\n")
	}
	if len(v.keys) == 0 {
		for _, name := range []string{"log-key", "receipt-signing"} {
			if key, err := v.place.logKey(name); err == nil {
				all.WriteString(key.Public())
			}
		}
		if all.Len() == 0 {
			return "", &stop{exitUsage, say("runner.verify.which_key"), nil}
		}
	}
	var ours strings.Builder
	for line := range strings.Lines(all.String()) {
		if strings.HasPrefix(line, origin+"+") {
			ours.WriteString(line)
		}
	}
	if ours.Len() == 0 {
		return "", checkFailed("runner.verify.other_key", origin)
	}
	return ours.String(), nil
}

// logKey is a log's key in this installation's secrets.
func (p *place) logKey(name string) (*notary.Key, error) {
	secret, err := os.ReadFile(filepath.Join(p.data, "secrets", name))
	if err != nil {
		return nil, err
	}
	return notary.ParseKey(secret)
}

// keyText is what a --key says: the content of the file of that name, or itself.
func keyText(key string) (string, error) {
	if strings.Contains(key, "+") || strings.HasPrefix(strings.TrimSpace(key), "{") {
		if _, err := os.Stat(key); err != nil {
			return key, nil // no such file: the key itself
		}
	}
	data, err := readFile(key)
	return string(data), err
}

// readSalt reads 32 bytes in hex or base64.
func readSalt(text string) ([]byte, error) {
	if salt, err := hex.DecodeString(text); err == nil && len(salt) == notary.SaltSize {
		return salt, nil
	}
	if salt, err := base64.StdEncoding.DecodeString(text); err == nil && len(salt) == notary.SaltSize {
		return salt, nil
	}
	return nil, &stop{exitUsage, say("runner.verify.bad_salt", notary.SaltSize), nil}
}

// mostFile is the largest file that is read whole: none that the city hands out
// to be verified is nearly as large.
const mostFile = 16 << 20

// readFile reads a file, or standard input for "-".
func readFile(path string) ([]byte, error) {
	in := os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, unreachable(err, "runner.fail.read", path)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, mostFile+1))
	if err == nil && len(data) > mostFile {
		err = fmt.Errorf("larger than %d MiB", mostFile>>20)
	}
	if err != nil {
		return nil, unreachable(err, "runner.fail.read", path)
	}
	return data, nil
}
