# Completion of shoal and shoald for bash. Commands and options are read from their own help, so they are never old.
_shoal() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command="" i help
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --addr | --workspace | --token-file | --format) ((i++)) ;;
        -*) ;;
        *)
            command=${COMP_WORDS[i]}
            break
            ;;
        esac
    done
    case $before in
    --format)
        mapfile -t COMPREPLY < <(compgen -W "table csv json" -- "$word")
        return
        ;;
    --map | --rejects | --token-file | --access | --train | --test | --dir | --out | --resume | --verify | --table)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    esac
    help=$(shoal help 2>/dev/null) || return
    if [[ -z $command ]]; then
        if [[ $word == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "--addr --workspace --token-file --format --plain --help --version" -- "$word")
        else
            mapfile -t COMPREPLY < <(compgen -W "$(sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p' <<<"$help")" -- "$word")
        fi
    elif [[ $word == -* ]]; then
        # A command's lines, with those that go on below it.
        mapfile -t COMPREPLY < <(compgen -W "--format --plain $(awk -v name="$command" '
            /^  [a-z]/ { inside = $1 == name } inside { print }' <<<"$help" | grep -oE -- '--[a-z-]+' | sort -u)" -- "$word")
    else
        # "put|get|list": what may follow the command.
        i=$(awk -v name="$command" '/^  [a-z]/ && $1 == name { print $2 }' <<<"$help")
        [[ $i == *"|"* ]] && mapfile -t COMPREPLY < <(compgen -W "$(tr -d '[]' <<<"${i//|/ }")" -- "$word")
        [[ ${#COMPREPLY[@]} -gt 0 ]] || mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -o filenames -F _shoal shoal

_shoald() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    case $before in
    --io) mapfile -t COMPREPLY < <(compgen -W "uring epoll" -- "$word") ;;
    --durability) mapfile -t COMPREPLY < <(compgen -W "sync interval none" -- "$word") ;;
    --log-level) mapfile -t COMPREPLY < <(compgen -W "error warn info debug" -- "$word") ;;
    --data | --console | --access | --tls-*) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$(shoald --help 2>/dev/null | grep -oE '^  --[a-z-]+')" -- "$word") ;;
    esac
}
complete -o filenames -F _shoald shoald
