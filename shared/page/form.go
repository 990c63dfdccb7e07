package page

import (
	"net/url"
	"strings"

	"ipcredit/shared/fault"
)

// Form is what somebody typed and what is wrong with it. A page's data that
// embeds a Form gets its error summary, its field messages and the "Error:" in
// the title without more. The zero Form and nil are an untouched form.
type Form struct {
	values url.Values
	wrong  []Wrong
}

// Wrong is one message of the error summary.
type Wrong struct {
	// Field is the name of the input it is about; empty for the whole form.
	Field   string
	Message string
}

// ID is the id of the input the message links to.
func (w Wrong) ID() string { return fieldID(w.Field) }

// NewForm is a form filled with values: defaults, or what was posted.
func NewForm(values url.Values) *Form { return &Form{values: values} }

// Refuse puts a refusal into the form, worded in lang; it returns f. A fault
// without fields is about the whole form.
func (f *Form) Refuse(lang Lang, e *fault.Error) *Form {
	if len(e.Fields) == 0 {
		_, detail := Fault(lang, e)
		f.wrong = append(f.wrong, Wrong{Message: detail})
	}
	for _, field := range e.Fields {
		f.wrong = append(f.wrong, Wrong{Field: field.Name, Message: FieldMessage(lang, field)})
	}
	return f
}

// Value is what was typed in the field, or "".
func (f *Form) Value(name string) string {
	if f == nil {
		return ""
	}
	return f.values.Get(name)
}

// Chosen tells whether value is among what was chosen in the field.
func (f *Form) Chosen(name, value string) bool {
	if f == nil {
		return false
	}
	for _, v := range f.values[name] {
		if v == value {
			return true
		}
	}
	return false
}

// Error is the first message about the field, or "".
func (f *Form) Error(name string) string {
	if f == nil {
		return ""
	}
	for _, w := range f.wrong {
		if w.Field == name {
			return w.Message
		}
	}
	return ""
}

// Errors are all messages in the order of the refusal.
func (f *Form) Errors() []Wrong {
	if f == nil {
		return nil
	}
	return f.wrong
}

// fieldID makes an element id of a field name. Names may be Chinese column
// headers or JSON pointers; an id only must not hold white space.
func fieldID(name string) string {
	return "f-" + strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x3000 || r == 0xa0 {
			return '_'
		}
		return r
	}, name)
}
