// Package linkage is the rapid linkage (快速处置联动机制, 新知战联办〔2022〕8号 S4): the
// patent applications that CNIPA notifies as abnormal and the trademark
// applications that are notified as made in bad faith, from the list that brings
// them to the feedback to whoever sent it.
//
// An application is known by its number and counts once, however often it is
// notified; the first notification by date says to which cohort it belongs. A
// list may be imported again: rows that say nothing new change nothing, a
// corrected row replaces what it corrects and the old version stays in the
// history, and no row takes a state back to an earlier day's.
//
// CNIPA alone finds an application abnormal, rejects it or accepts it as normal.
// Here it is checked, passed on, urged and reported (domain reference 0.4).
//
// Three clocks run: 通报 from the receipt of the list to the responsible unit
// taking it on, 处理 from there to the holder being told, 反馈 from what was done
// to the report upward. Their lengths are our own choice, rule
// "linkage-clocks".
//
// Names of natural persons are sealed and can be erased; numbers, states, dates
// and the names of organisations stand in the clear.
package linkage

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/workday"
)

// Kind is what was notified.
type Kind string

// The kinds, named as the batches that bring them. Words are the catalogue's
// "linkage.kind."+Kind.
const (
	Patent Kind = "abnormal-application" // 非正常专利申请
	Mark   Kind = "bad-faith-mark"       // 恶意注册商标
)

// Kinds lists them in the order pages offer them.
var Kinds = []Kind{Patent, Mark}

// Holder is what kind of right holder the applicant is. Words are the
// catalogue's "linkage.holder."+Holder.
type Holder string

// The holder types of design §8.
const (
	Enterprise Holder = "enterprise" // 企业
	University Holder = "university" // 高校
	Institute  Holder = "institute"  // 科研院所
	Hospital   Holder = "hospital"   // 医院
	Individual Holder = "individual" // 个人
	Other      Holder = "other"      // 其他
)

// Holders lists them in the order of the table.
var Holders = []Holder{Enterprise, University, Institute, Hospital, Individual, Other}

// Application is one notified application as it is stored.
type Application struct {
	// ID is the canonical number of a patent application (201710601862.3), or
	// number and class of a mark (99000001-35).
	ID     string `json:"id"`
	Kind   Kind   `json:"kind"`
	Number string `json:"number"`
	Class  int    `json:"class,omitempty"` // of a mark
	// Type is the kind of patent: invention, utility-model, design, …
	Type      string    `json:"type,omitempty"`
	Applicant Applicant `json:"applicant"`
	// Agency is the code of the patent agency, or the credit code of the trademark
	// agency; empty where there is none or none is given.
	Agency string `json:"agency,omitempty"`
	// Grounds are AF1 to AF8 (国家知识产权局令第77号 art. 3), or TM4, TM15, TM19, TM32,
	// TM44 by the article of 商标法. Words: "linkage.ground."+ground.
	Grounds []string `json:"grounds"`
	// Notices are the lists that named it, by date; the first one is its cohort.
	Notices []Notice `json:"notices"`
	// Division is where its holder is; Confirmed says that an officer confirmed it
	// by the address, and no list changes it any more.
	Division  string `json:"division"`
	Confirmed bool   `json:"confirmed,omitempty"`
	// Unit is the label of the unit responsible, see tipoff.Units.
	Unit   string `json:"unit"`
	Holder Holder `json:"holder"`
	// State and the day it has held since; From says who said so: the batch, or
	// the document or receipt an officer named.
	State   State        `json:"state"`
	StateOn workday.Date `json:"stateOn"`
	From    string       `json:"from,omitempty"`
	// Received is the day on which the first list reached this city's bureau.
	Received workday.Date `json:"received"`
	// Owner is the officer who handles it, a user's id; empty until assigned.
	Owner string `json:"owner,omitempty"`
	// Events are what was done, oldest first; clocks are computed from them.
	Events []Event `json:"events,omitempty"`
	// Materials are the holder's, by reference to the evidence box.
	Materials []Material `json:"materials,omitempty"`
	// FedBack is the state that was last reported upward, and when.
	FedBack *FedBack `json:"fedBack,omitempty"`
	// History is what earlier versions said, oldest first.
	History []Past `json:"history,omitempty"`
	// Held says that retention is stayed (legal hold).
	Held bool `json:"held,omitempty"`
	// Acts are the bulk actions that changed it, by number, oldest first.
	Acts []int64 `json:"acts,omitempty"`
	// Version counts the changes; a page sends back the one it showed.
	Version   int       `json:"version"`
	ChangedAt time.Time `json:"changedAt"`
}

// Applicant is who applied. Of a natural person nothing stands in the clear: Key
// names the erasable key (seal.Keys) that Sealed opens with.
type Applicant struct {
	Code   string `json:"code,omitempty"` // credit code of an organisation
	Name   string `json:"name,omitempty"` // of an organisation
	Person bool   `json:"person,omitempty"`
	Key    string `json:"key,omitempty"`
	Sealed string `json:"sealed,omitempty"`
	Unit   string `json:"unit,omitempty"` // label of the unit the key is wrapped to
}

// Group is the key under which applications of one organisation are handled
// together: its credit code, else its normalised name; of a natural person the
// key of its sealed name.
func (a Applicant) Group() string {
	switch {
	case a.Code != "":
		return a.Code
	case a.Person:
		return "key:" + a.Key
	}
	return "name:" + ident.Normal(a.Name)
}

// Notice is one list that named an application.
type Notice struct {
	List string       `json:"list"` // 批次
	On   workday.Date `json:"on"`   // 通报日期
	// Reply is the last day to answer or withdraw; none where the list gives none.
	Reply workday.Date `json:"reply,omitzero"`
	Batch string       `json:"batch"` // the upload that brought it
	// Said is what the list said of the state, and of which day; no day where it
	// gave none. What it says again is nothing new.
	Said   State        `json:"said"`
	SaidOn workday.Date `json:"saidOn,omitzero"`
}

// First is the notification that decides the cohort.
func (a Application) First() Notice {
	if len(a.Notices) == 0 {
		return Notice{}
	}
	return a.Notices[0]
}

// Reply is the reply deadline in force: that of the latest notification that
// gives one.
func (a Application) Reply() workday.Date {
	for _, n := range slices.Backward(a.Notices) {
		if !n.Reply.IsZero() {
			return n.Reply
		}
	}
	return workday.Date{}
}

// What an event can be, beside the states.
const (
	LetterSent  = "letter"
	ContactMade = "contact"
	Added       = "material"
	Reported    = "fed-back"
	HandedOver  = "handed-over" // to another division's unit or another officer
	TakenBack   = "taken-back"  // a bulk action was taken back
)

// Event is something that was done on a day.
type Event struct {
	What string       `json:"what"` // a State or one of the constants above
	On   workday.Date `json:"on"`
	At   time.Time    `json:"at"`
	By   string       `json:"by"`            // user id, or the actor of the batch
	Ref  string       `json:"ref,omitempty"` // letter, contact, document or feedback number
	// Undone events were taken back: they happened and count for nothing.
	Undone bool `json:"undone,omitempty"`
}

// MaterialKind is what a material is. Words: "linkage.material."+kind.
type MaterialKind string

// The kinds of materials.
const (
	Statement MaterialKind = "statement" // 陈述意见
	Receipt   MaterialKind = "receipt"   // 撤回手续证明
	Proof     MaterialKind = "proof"     // 研发等证明材料
)

// MaterialKinds lists them in the order pages offer them.
var MaterialKinds = []MaterialKind{Statement, Receipt, Proof}

// Material is a file of the holder, kept in an evidence box.
type Material struct {
	Kind MaterialKind `json:"kind"`
	Box  string       `json:"box"`
	File int          `json:"file"`
	On   workday.Date `json:"on"`
	By   string       `json:"by"`
}

// FedBack says what was last reported upward.
type FedBack struct {
	State   State        `json:"state"`
	StateOn workday.Date `json:"stateOn"`
	On      workday.Date `json:"on"`
	No      int64        `json:"no"` // of the feedback
}

// Past is what an earlier version said of the things a correction changed.
type Past struct {
	At    time.Time         `json:"at"`
	By    string            `json:"by"`
	Batch string            `json:"batch,omitempty"`
	Was   map[string]string `json:"was"` // by field: "applicant", "agency", "division", …
}

// Ref is what the journal and the index of clocks call an application.
func Ref(id string) string { return "application:" + id }

// ParseID reads the id of an application as it stands in a path.
func ParseID(s string) (string, error) {
	number, class, isMark := strings.Cut(s, "-")
	if isMark {
		n, err := ident.ParseTrademark(number)
		if err == nil {
			c, classErr := ident.ParseClass(class)
			if classErr == nil {
				return MarkID(n, c), nil
			}
		}
		return "", fault.New(fault.NotFound, "linkage.none")
	}
	a, err := ident.ParseApplication(number)
	if err != nil {
		return "", fault.New(fault.NotFound, "linkage.none").Because(err)
	}
	return a.Number, nil
}

// MarkID is the id of a mark: one number may stand in several classes.
func MarkID(number string, class int) string { return number + "-" + strconv.Itoa(class) }
