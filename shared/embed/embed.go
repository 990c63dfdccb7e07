// Package embed holds the script that other websites load to show a subject's
// credit state: the web component <ip-credit code="…">.
//
// Once a version is released its bytes never change, because pages elsewhere
// name it together with its hash; a change is a new file with the next number,
// and the old ones stay served. credit-lookup serves the latest at widget.js
// and every version under Path.
package embed

import (
	"crypto/sha512"
	"embed"
	"encoding/base64"
	"strings"
)

//go:embed widget
var files embed.FS

// Version is the version that new snippets name.
const Version = "1"

// Path is the path of the latest version below the function that serves it.
const Path = "widget/" + Version + ".js"

// Script is the latest version.
func Script() []byte {
	body, _ := ByName(Version + ".js")
	return body
}

// Integrity is the latest version's hash as the integrity attribute of a script
// element wants it.
func Integrity() string { return integrity(Script()) }

// ByName is the script served under the last segment of Path, "1.js"; false if
// there has been no such version.
func ByName(name string) ([]byte, bool) {
	version, ok := strings.CutSuffix(name, ".js")
	if !ok || version == "" || strings.Trim(version, "0123456789") != "" {
		return nil, false
	}
	body, err := files.ReadFile("widget/" + name)
	return body, err == nil
}

func integrity(body []byte) string {
	sum := sha512.Sum384(body)
	return "sha384-" + base64.StdEncoding.EncodeToString(sum[:])
}
