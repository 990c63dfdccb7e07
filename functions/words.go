package main

import (
	"os"
	"strings"

	"ipcredit/shared/page"
)

// lang is the language this program speaks at the terminal.
var lang = tongue(os.Getenv)

// tongue is the language a terminal asks for in the variables that decide about
// messages: English where it says so, else Chinese.
func tongue(env func(string) string) page.Lang {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := env(name); value != "" {
			if strings.HasPrefix(strings.ToLower(value), "en") {
				return page.EN
			}
			return page.ZH
		}
	}
	return page.ZH
}

// say is a word of the catalogue in the terminal's language.
func say(key string, args ...any) string { return page.Say(lang, key, args...) }
