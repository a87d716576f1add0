import type { CommandPlace, CommandWords, Word } from "./command-words.ts";

/** A script for each shell, to be sourced, or put where the shell looks for such. */
export const shellScripts = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

export type Shell = keyof typeof shellScripts;

/** Words in single quotes, as all three shells read them. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function allWords({ commands, options }: CommandPlace): readonly Word[] {
  return [...commands, ...options];
}

/** The words that lead to a command: what else is typed before the cursor, options and names, is passed over. */
function pathPattern({ places }: CommandWords): string {
  return places
    .filter(({ at }) => at !== "")
    .map(({ at }) => quoted(at))
    .join("|");
}

function bashScript(words: CommandWords): string {
  const values = [...words.values].map(([flag, choices]) => {
    return `    ${flag}) COMPREPLY=($(compgen -W ${quoted(choices.join(" "))} -- "$current")); return ;;`;
  });
  const places = words.places.map((place) => {
    const list = allWords(place).map(({ word }) => word);
    return `    ${quoted(place.at)}) words=${quoted(list.join(" "))} ;;`;
  });
  return `# Completion of drover for bash. In ~/.bashrc: source <(drover completion bash)
_drover() {
  local current=\${COMP_WORDS[COMP_CWORD]} at="" words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${at:+$at }\${COMP_WORDS[i]}" in
      ${pathPattern(words)}) at="\${at:+$at }\${COMP_WORDS[i]}" ;;
    esac
  done
  case "\${COMP_WORDS[COMP_CWORD - 1]}" in
${values.join("\n")}
  esac
  case "$at" in
${places.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _drover drover
`;
}

function zshScript(words: CommandWords): string {
  const values = [...words.values].map(([flag, choices]) => {
    return `    ${flag}) compadd -- ${choices.join(" ")}; return ;;`;
  });
  const places = words.places.map((place) => {
    // A colon parts the word from its meaning.
    const list = allWords(place).map(({ word, meaning }) => quoted(`${word}:${meaning}`));
    return `    ${quoted(place.at)}) candidates=(${list.join(" ")}) ;;`;
  });
  return `#compdef drover
# Completion of drover for zsh. In ~/.zshrc, after compinit: source <(drover completion zsh)
_drover() {
  local at="" word
  local -a candidates
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "\${at:+$at }$word" in
      ${pathPattern(words)}) at="\${at:+$at }$word" ;;
    esac
  done
  case "\${words[CURRENT-1]}" in
${values.join("\n")}
  esac
  case "$at" in
${places.join("\n")}
  esac
  _describe drover candidates
}
compdef _drover drover
`;
}

function fishScript(words: CommandWords): string {
  const lines = words.places.flatMap(({ at, commands, options }) => {
    const here = `complete -c drover -n ${quoted(`__drover_is_at ${fishQuoted(at)}`)}`;
    return [
      ...commands.map(({ word, meaning }) => `${here} -a ${fishQuoted(word)} -d ${fishQuoted(meaning)}`),
      ...options.map(({ word, meaning }) => {
        const choices = words.values.get(word);
        // Exclusive: what follows is no file.
        const values = choices === undefined || choices.length === 0 ? "" : ` -a ${fishQuoted(choices.join(" "))}`;
        const takes = choices === undefined ? "" : ` -x${values}`;
        return `${here} -l ${word.replace(/^--/, "")}${takes} -d ${fishQuoted(meaning)}`;
      }),
    ];
  });
  return `# Completion of drover for fish: drover completion fish > ~/.config/fish/completions/drover.fish
function __drover_is_at
    set -l at
    for word in (commandline -opc)[2..]
        switch (string join -- ' ' $at $word)
            case ${words.places.flatMap(({ at }) => (at === "" ? [] : [fishQuoted(at)])).join(" ")}
                set at $at $word
        end
    end
    test "$at" = "$argv[1]"
end
complete -c drover -f
${lines.join("\n")}
`;
}

/** In fish a backslash in single quotes is one before a quote or a backslash only. */
function fishQuoted(text: string): string {
  return `"${text.replaceAll(/["\\$]/g, "\\$&")}"`;
}
