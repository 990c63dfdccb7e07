package credit

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"ipcredit/shared/sheet"
)

//go:embed columns.json
var columnData []byte

// meaning tells what the words of the upload format stand for: data of the
// format, not words of a page.
type meaning struct {
	NaturalPerson      string          `json:"naturalPerson"`
	IndividualBusiness string          `json:"individualBusiness"`
	SimpleProcedure    string          `json:"simpleProcedure"`
	ResidentID         []string        `json:"residentId"`
	Tiers              map[string]Tier `json:"tiers"`
	States             map[string]bool `json:"states"` // true: void
}

var schemas, words = mustSchemas()

// Schemas are the tables of the batches this matter reads, by kind.
func Schemas() map[Kind]sheet.Schema {
	out := make(map[Kind]sheet.Schema, len(schemas))
	for k, s := range schemas {
		out[k] = s
	}
	return out
}

// Schema is the table of one kind of batch.
func Schema(kind Kind) (sheet.Schema, bool) {
	s, ok := schemas[kind]
	return s, ok
}

func mustSchemas() (map[Kind]sheet.Schema, meaning) {
	var data struct {
		Penalty, Licence, Determination, Commendation, Judgment [][]any

		Also    map[Kind]map[string][]string
		Choices map[string][]string
		Meaning meaning
	}
	if err := json.Unmarshal(columnData, &data); err != nil {
		panic(fmt.Sprintf("credit: columns.json: %v", err))
	}
	out := map[Kind]sheet.Schema{}
	for kind, rows := range map[Kind][][]any{
		Penalty: data.Penalty, Licence: data.Licence, Determination: data.Determination,
		Commendation: data.Commendation, Judgment: data.Judgment,
	} {
		s := sheet.Schema{Name: string(kind)}
		for _, row := range rows {
			c := sheet.Column{
				Field: row[0].(string), Header: row[1].(string), National: row[2].(string),
				Required: row[4].(bool), Example: row[5].(string), Note: row[6].(string),
			}
			c.Also = data.Also[kind][c.Field]
			switch k := row[3].(string); k {
			case "text":
			case "date":
				c.Kind = sheet.Date
			case "money":
				c.Kind = sheet.Money
			case "code":
				c.Kind = sheet.Code
			case "classes", "state", "acts":
				// Several classes stand in one cell, states have numbers as well, and
				// officers add acts: offered, but checked by Parse.
				c.Choices = data.Choices[k]
			default:
				c.Kind, c.Choices = sheet.Choice, data.Choices[k]
				if len(c.Choices) == 0 {
					panic(fmt.Sprintf("credit: columns.json: %s has kind %q", c.Field, k))
				}
			}
			s.Columns = append(s.Columns, c)
		}
		out[kind] = s
	}
	return out, data.Meaning
}

// TierWord is the word of the upload format for a tier, "" for none.
func TierWord(t Tier) string {
	for word, tier := range words.Tiers {
		if tier == t && t != "" {
			return word
		}
	}
	return ""
}
