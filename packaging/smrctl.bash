# bash completion for smrctl(8): the running daemon says what fits, so the words are always its own.
_smrctl() {
  local at=1 socket=()
  # Options stand before the first word.
  while ((at < COMP_CWORD)); do
    case ${COMP_WORDS[at]} in
      -s) socket=(-s "${COMP_WORDS[at + 1]}"); ((at += 2)) ;;
      --json) ((at += 1)) ;;
      *) break ;;
    esac
  done
  if ((at >= COMP_CWORD)) && [[ ${COMP_WORDS[COMP_CWORD]} == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '-s --json' -- "${COMP_WORDS[COMP_CWORD]}")
    return
  fi
  mapfile -t COMPREPLY < <(smrctl "${socket[@]}" complete "${COMP_WORDS[@]:at:COMP_CWORD - at + 1}" 2>/dev/null)
}
complete -F _smrctl smrctl
