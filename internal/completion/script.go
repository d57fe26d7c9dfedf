package completion

import (
	"fmt"
	"strings"
)

// scripts call PROGRAM for candidates: `PROGRAM complete -- WORDS`.
var scripts = map[string]string{
	"bash": `# To complete PROGRAM in this shell:  source <(PROGRAM completion bash)
# In all: put that line into ~/.bashrc.
_PROGRAM() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        if [ "$line" = :files ]; then
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
            return
        fi
        line=${line%%$'\t'*}
        case ${COMP_WORDS[COMP_CWORD]} in
            --*) ;;
            *) [ "${COMP_WORDS[COMP_CWORD-1]}" = = ] && line=${line#--*=} ;;
        esac
        COMPREPLY+=("$line")
    done < <("${COMP_WORDS[0]}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _PROGRAM PROGRAM
`,
	"zsh": `#compdef PROGRAM
# To complete PROGRAM in this shell:  source <(PROGRAM completion zsh)
# In all: put that line into ~/.zshrc, after compinit.
_PROGRAM() {
    local -a lines
    lines=("${(@f)$("${words[1]}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ "${lines[1]}" == :files ]]; then
        _files
    else
        compadd -- "${(@)lines%%$'\t'*}"
    fi
}
if [[ "${funcstack[1]}" == _PROGRAM ]]; then _PROGRAM "$@"; else compdef _PROGRAM PROGRAM; fi
`,
	"fish": `# To complete PROGRAM in this shell:  PROGRAM completion fish | source
# In all:  PROGRAM completion fish >~/.config/fish/completions/PROGRAM.fish
function __PROGRAM_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines ($words[1] complete -- $words[2..-1] 2>/dev/null)
    if test "$lines[1]" = :files
        __fish_complete_path (commandline -ct)
    else
        printf '%s\n' $lines
    end
end
complete -c PROGRAM -f -a '(__PROGRAM_complete)'
`,
}

// Script returns the script by which a shell completes the program's command lines.
func Script(shell, program string) (string, error) {
	s, ok := scripts[shell]
	if !ok {
		return "", fmt.Errorf("no completion is known for the shell %s: there is %s", shell,
			strings.Join(Shells, ", "))
	}
	return strings.ReplaceAll(s, "PROGRAM", program), nil
}
