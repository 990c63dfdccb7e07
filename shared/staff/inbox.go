package staff

import (
	"context"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// Message is one thing an organisation is told. It names no reporter and no
// natural person; whoever may see more follows the link.
type Message struct {
	ID   string `json:"id"`
	Org  string `json:"org"`
	Kind string `json:"kind"` // "<matter>.<event>"
	// Ref is the record it is about, as its matter names it.
	Ref string `json:"ref,omitempty"`
	// Title is a catalogue key, Args fill it: read in the reader's language.
	Title string   `json:"title"`
	Args  []string `json:"args,omitempty"`
	// Link is a path of this site, beginning with the function's name.
	Link      string    `json:"link,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	ReadAt    time.Time `json:"readAt,omitzero"`
	ReadBy    string    `json:"readBy,omitempty"`
}

// NewMessage returns a message with its id, ready for Tell. Make it before the
// commit: a commit may run its function twice.
func NewMessage(org, kind, ref, title, link string, at time.Time, args ...string) Message {
	return Message{ID: ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String(), Org: org, Kind: kind, Ref: ref,
		Title: title, Args: args, Link: link, CreatedAt: at.UTC()}
}

// Word is an argument of a message that is a word of the catalogue by its key: it
// is read in the reader's language, like the title.
func Word(key string) string { return wordMark + key }

const wordMark = "@"

// Arguments are the arguments of the title, words said by say; one whose key say
// does not know stays as it is.
func (m Message) Arguments(say func(key string) (string, bool)) []any {
	out := make([]any, len(m.Args))
	for i, arg := range m.Args {
		out[i] = arg
		if key, ok := strings.CutPrefix(arg, wordMark); ok {
			if word, ok := say(key); ok {
				out[i] = word
			}
		}
	}
	return out
}

// Tell queues the message in the caller's commit, so that what happened and
// the news of it are one.
func (s *Store) Tell(tx *journal.Tx, m Message) error {
	tx.ZAdd(s.key("inbox", m.Org), 0, m.ID)
	tx.SAdd(s.key("unread", m.Org), m.ID)
	return put(tx, s.key("message", m.Org, m.ID), m)
}

// Inbox lists the messages of the actor's organisation, newest first, at most
// limit; next is the cursor of the following page, "" at the end.
func (s *Store) Inbox(ctx context.Context, a Actor, cursor string, limit int) (messages []Message, next string, err error) {
	if cursor != "" {
		if _, err := ulid.ParseStrict(cursor); err != nil {
			return nil, "", fault.New(fault.Invalid, "staff.cursor")
		}
	}
	limit = min(max(limit, 1), 200)
	ids, err := s.page(ctx, s.key("inbox", a.Org.ID), cursor, limit+1)
	if err != nil {
		return nil, "", err
	}
	if len(ids) > limit {
		ids = ids[:limit]
		next = ids[limit-1]
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = s.key("message", a.Org.ID, id)
	}
	messages, err = fetchAll[Message](ctx, s.rdb(), keys)
	return messages, next, err
}

// Unread counts the messages nobody of the organisation has read.
func (s *Store) Unread(ctx context.Context, a Actor) (int64, error) {
	return s.count(ctx, s.key("unread", a.Org.ID))
}

// ReadMessage returns a message of the actor's organisation and notes who read
// it first. A message of another organisation is not there.
func (s *Store) ReadMessage(ctx context.Context, a Actor, id string, now time.Time) (Message, error) {
	key := s.key("message", a.Org.ID, id)
	var m Message
	err := s.commit(ctx, journal.Entry{Actor: a.User.ID, Action: "staff.message_read", Ref: "message:" + id, At: now},
		[]string{key}, func(tx *journal.Tx) error {
			var ok bool
			var err error
			m, ok, err = fetch[Message](ctx, tx.Read(), key)
			if err != nil {
				return err
			}
			if !ok {
				return fault.New(fault.NotFound, "staff.message.none")
			}
			if !m.ReadAt.IsZero() {
				return nil
			}
			m.ReadAt, m.ReadBy = now.UTC(), a.User.ID
			tx.SRem(s.key("unread", a.Org.ID), id)
			return put(tx, key, m)
		})
	return m, err
}
