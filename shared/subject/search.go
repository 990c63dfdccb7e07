package subject

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
)

// Bounds of one query. They are what keeps its time the same at a million
// subjects as at ten thousand.
const (
	longestQuery = 200  // characters
	largestSet   = 1000 // sets of more members are never read whole
	largestOther = 300  // the same for pairs outside the trade name
	mostMembers  = 1500 // read for one query in all
	window       = 96   // subjects judged at a time, at most
	smallWindow  = 32   // and at least
	blocksAtOnce = 8    // blocks of a common term asked for in one round trip
	mostBlocks   = 96   // blocks of a common term read for one query
	mostHits     = 100  // on one page
)

// Hit is one subject found.
type Hit struct {
	Code  string   `json:"code"`
	Name  string   `json:"name"`
	Score float64  `json:"score"` // 0 to 1; comparable within one query
	Why   []Reason `json:"why"`

	Kind     string   `json:"-"`
	District string   `json:"-"`
	Features Features `json:"-"`
	number   int64
}

// Total says how many subjects fit.
type Total struct {
	Value int `json:"value"`
	// Relation is "eq", or "gte" where only the best part of very many was
	// looked at.
	Relation string `json:"relation"`
}

// Result is one page.
type Result struct {
	Hits  []Hit  `json:"results"`
	Total Total  `json:"total"`
	Next  string `json:"next,omitempty"` // cursor of the next page, or ""
	// Suggest holds advice for a better question: catalogue keys.
	Suggest []Reason `json:"suggest,omitempty"`
}

// cursor is where a page ended: the window, and the last hit shown of it. It
// carries a check of the query, because it means nothing to another.
type cursor struct {
	Size   int     `json:"z"` // of the windows, by the limit of the first page
	Window int     `json:"w"`
	Score  float64 `json:"s"`
	Number int64   `json:"n"`
	Seen   int     `json:"t"` // hits on the pages before
	Query  uint32  `json:"q"`
}

func (c cursor) String() string {
	data, _ := json.Marshal(c)
	return base64.RawURLEncoding.EncodeToString(data)
}

func parseCursor(s string, limit int, check uint32) (cursor, error) {
	if s == "" {
		return cursor{Size: min(max(2*limit, smallWindow), window), Score: math.Inf(1)}, nil
	}
	var c cursor
	data, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil || c.Query != check || c.Window < 0 || c.Window > mostMembers || c.Size < smallWindow || c.Size > window {
		return cursor{}, fault.New(fault.Invalid, "subject.cursor")
	}
	return c, nil
}

func queryCheck(text string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(text))
	return h.Sum32()
}

// Search finds subjects by code, name, former name, pinyin or initials, the
// best first. A hit by code stands alone. An empty query, or one of punctuation
// only, finds nothing. Limit is at least 1 and at most 100; 0 means 20. Next of
// a result is the cursor of the following page.
func (s *Store) Search(ctx context.Context, text string, limit int, from string) (Result, error) {
	if limit == 0 {
		limit = 20
	}
	if limit < 0 || limit > mostHits {
		return Result{}, fault.New(fault.Invalid, "subject.limit", mostHits)
	}
	text, err := cleanQuery(text)
	if err != nil {
		return Result{}, err
	}
	at, err := parseCursor(from, limit, queryCheck(text))
	if err != nil {
		return Result{}, err
	}
	result := Result{Hits: []Hit{}, Total: Total{Relation: "eq"}}
	q := newQuery(text)
	if q.name.Normal == "" {
		return result, nil
	}
	if q.code != "" {
		done, err := s.byCode(ctx, q, limit, &result)
		if err != nil || done {
			return result, err
		}
	}
	rest, complete, err := s.candidates(ctx, q, at.Size)
	if err != nil {
		return Result{}, err
	}
	found := rest.Len()
	for range at.Window {
		rest.take(at.Size)
	}
	for w := at.Window; rest.Len() > 0 && len(result.Hits) < limit; w++ {
		part := rest.take(at.Size)
		hits, err := s.judge(ctx, q, part)
		if err != nil {
			return Result{}, err
		}
		for i, h := range hits {
			if w == at.Window && !after(h, at) {
				continue
			}
			result.Hits = append(result.Hits, h)
			if len(result.Hits) == limit {
				if i+1 < len(hits) || rest.Len() > 0 {
					result.Next = cursor{Size: at.Size, Window: w, Score: h.Score, Number: h.number, Seen: at.Seen + limit, Query: queryCheck(text)}.String()
				}
				break
			}
		}
		result.Total.Value = max(at.Seen+len(result.Hits), len(hits))
	}
	if at.Window > 0 && len(result.Hits) == 0 {
		result.Total.Value = at.Seen
	}
	if !complete || found > at.Size {
		result.Total.Relation = "gte"
		result.Suggest = append(result.Suggest, Reason{Key: "subject.suggest.narrow"})
	}
	return result, nil
}

// after tells whether h comes after the place where a page ended.
func after(h Hit, at cursor) bool {
	if h.Score != at.Score {
		return h.Score < at.Score
	}
	return h.number > at.Number
}

func cleanQuery(text string) (string, error) {
	clean, err := ident.Clean(text)
	if err != nil {
		return "", err
	}
	if n := utf8.RuneCountInString(clean); n > longestQuery {
		return "", fault.New(fault.Invalid, "subject.query_long", n, longestQuery)
	}
	return clean, nil
}

// byCode answers a query that is a code or the beginning of one; done is false
// where it is better read as a name.
func (s *Store) byCode(ctx context.Context, q query, limit int, result *Result) (done bool, err error) {
	if len(q.code) == 18 {
		sub, err := s.Resolve(ctx, q.code)
		if fault.Is(err, fault.NotFound) {
			if _, err := ident.ParseUSCC(q.code); err != nil {
				if f, ok := fault.Of(err); ok {
					result.Suggest = append(result.Suggest, Reason{Key: "fault." + f.Code, Args: f.Args})
				}
			}
			return true, nil
		}
		if err != nil {
			return true, err
		}
		hit := hitOf(sub, scoreCode, []Reason{{Key: "subject.why.code"}}, Features{Code: 1})
		if sub.Code != q.code {
			hit.Why = append(hit.Why, Reason{Key: "subject.why.merged"})
		}
		result.Hits, result.Total.Value = []Hit{hit}, 1
		return true, nil
	}
	key := codeTerm(q.code).key(s.journal, 0)
	numbers, complete, err := s.some(ctx, key, largestSet)
	if err != nil {
		return true, err
	}
	var found []candidate
	for _, n := range numbers {
		found = append(found, candidate{number: n})
	}
	subjects, err := s.read(ctx, found[:min(len(found), mostHits)])
	if err != nil {
		return true, err
	}
	for _, sub := range subjects {
		if strings.HasPrefix(sub.Code, q.code) && len(result.Hits) < limit {
			result.Hits = append(result.Hits, hitOf(sub, scoreCode*float64(len(q.code))/18, []Reason{{Key: "subject.why.code_prefix"}}, Features{Code: float64(len(q.code)) / 18}))
		}
	}
	result.Total.Value = len(result.Hits)
	if !complete || len(found) > mostHits || len(result.Hits) == limit {
		result.Total.Relation = "gte"
		result.Suggest = append(result.Suggest, Reason{Key: "subject.suggest.whole_code"})
	}
	return len(result.Hits) > 0, nil
}

func hitOf(s Subject, score float64, why []Reason, f Features) Hit {
	return Hit{Code: s.Code, Name: s.Name, Kind: s.Kind, District: s.District, Score: math.Round(score*1e4) / 1e4, Why: why, Features: f, number: s.Number}
}

// judge reads the candidates and gives those that fit, the best first; equals
// stand in the order of their numbers.
func (s *Store) judge(ctx context.Context, q query, part []candidate) ([]Hit, error) {
	subjects, err := s.read(ctx, part)
	if err != nil {
		return nil, err
	}
	hits := make([]Hit, 0, len(subjects))
	merged := false
	for _, sub := range subjects {
		score, why, features := q.judge(sub)
		if score < scoreFloor {
			continue
		}
		if sub.MergedInto != "" {
			to, err := s.Resolve(ctx, sub.MergedInto)
			if err == nil {
				score *= formerNames
				why = append(why, Reason{Key: "subject.why.merged"})
				sub, merged = to, true
			} else if !fault.Is(err, fault.NotFound) {
				return nil, err
			}
		}
		hits = append(hits, hitOf(sub, score, why, features))
	}
	slices.SortStableFunc(hits, func(a, b Hit) int {
		if a.Score != b.Score {
			return cmp.Compare(b.Score, a.Score)
		}
		return cmp.Compare(a.number, b.number)
	})
	if merged { // a successor may be there twice: its best place counts
		seen := map[string]bool{}
		hits = slices.DeleteFunc(hits, func(h Hit) bool {
			again := seen[h.Code]
			seen[h.Code] = true
			return again
		})
	}
	return hits, nil
}

// read gives the candidates' subjects in their order, from the cards where those
// are enough.
func (s *Store) read(ctx context.Context, part []candidate) ([]Subject, error) {
	cards, err := s.cards(ctx, part, s.cardKey)
	if err != nil {
		return nil, err
	}
	var without []candidate // who was stored before there were cards
	for i, c := range cards {
		if c == "" {
			without = append(without, part[i])
		}
	}
	old, err := s.cards(ctx, without, s.oldCodeKey)
	if err != nil {
		return nil, err
	}
	subjects := make([]Subject, len(part))
	var codes []string
	var places []int // of codes, in subjects
	for i, c := range cards {
		if c == "" {
			c, old = old[0], old[1:]
		}
		sub, whole := ofCard(c, part[i].number)
		if whole {
			subjects[i] = sub
		} else if c != "" {
			codes, places = append(codes, sub.Code), append(places, i)
		}
	}
	loaded, err := s.Load(ctx, s.journal.Redis(), codes...)
	if err != nil {
		return nil, err
	}
	for i, sub := range loaded {
		if sub != nil && sub.Kind != Person {
			subjects[places[i]] = *sub
		}
	}
	return slices.DeleteFunc(subjects, func(sub Subject) bool { return sub.Code == "" }), nil
}

// cards reads what stands under the numbers at the keys that at gives; "" is
// nothing.
func (s *Store) cards(ctx context.Context, part []candidate, at func(int64) (key, field string)) ([]string, error) {
	if len(part) == 0 {
		return nil, nil
	}
	commands := make([]*redis.StringCmd, len(part))
	_, err := s.journal.Redis().Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, c := range part {
			key, field := at(c.number)
			commands[i] = p.HGet(ctx, key, field)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("subject: cards of candidates: %w", err)
	}
	list := make([]string, len(part))
	for i, c := range commands {
		list[i] = c.Val()
	}
	return list, nil
}

// some reads a set, or of one that is larger than limit a bounded part.
func (s *Store) some(ctx context.Context, key string, limit int64) (numbers []int64, complete bool, err error) {
	rdb := s.journal.Redis()
	n, err := rdb.SCard(ctx, key).Result()
	if err != nil {
		return nil, false, fmt.Errorf("subject: size of %s: %w", key, err)
	}
	var members []string
	if n <= limit {
		members, err = rdb.SMembers(ctx, key).Result()
	} else {
		members, _, err = rdb.SScan(ctx, key, 0, "", limit).Result()
	}
	if err != nil {
		return nil, false, fmt.Errorf("subject: reading %s: %w", key, err)
	}
	numbers = parseNumbers(members)
	slices.Sort(numbers)
	return numbers, n <= limit, nil
}

func parseNumbers(members []string) []int64 {
	numbers := make([]int64, 0, len(members))
	for _, m := range members {
		if n, err := strconv.ParseInt(m, 10, 64); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// MostQueries is how many queries one Match answers.
const MostQueries = 500

// Match answers many queries at once, each with its best hits (at most limit,
// up to 20) and their features. An identifier hit scores 1.
func (s *Store) Match(ctx context.Context, queries []string, limit int) ([]Result, error) {
	if len(queries) > MostQueries {
		return nil, fault.New(fault.Invalid, "subject.queries", len(queries), MostQueries)
	}
	if limit < 1 || limit > 20 {
		limit = 5
	}
	results := make([]Result, len(queries))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, text := range queries {
		group.Go(func() error {
			r, err := s.Search(ctx, text, limit, "")
			if f, ok := fault.Of(err); ok {
				// One bad query never costs the others their answer.
				r = Result{Hits: []Hit{}, Total: Total{Relation: "eq"}, Suggest: []Reason{{Key: "fault." + f.Code, Args: f.Args}}}
			} else if err != nil {
				return err
			}
			r.Next = ""
			results[i] = r
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return results, nil
}
