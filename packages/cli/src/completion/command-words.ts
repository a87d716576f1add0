import type { Command, Option } from "commander";

/** One thing that may be typed, and what it is. */
export interface Word {
  readonly word: string;
  readonly meaning: string;
}

/** What may follow the words of a command, `server migrate`; the command itself is at "". */
export interface CommandPlace {
  readonly at: string;
  /** Subcommands, and the values of an argument that has few. */
  readonly commands: readonly Word[];
  readonly options: readonly Word[];
}

/** What the scripts are made from: commander's own tree, so that they know what the command knows. */
export interface CommandWords {
  readonly places: readonly CommandPlace[];
  /** What may follow an option; empty where that is anything. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

export function commandWords(program: Command): CommandWords {
  const values = new Map<string, readonly string[]>();
  const noteValues = ({ short, long, required, optional, argChoices = [] }: Option) => {
    if (!required && !optional) return;
    for (const flag of [short, long]) if (flag !== undefined && flag !== null) values.set(flag, argChoices);
  };
  const placesOf = (command: Command, at: string): readonly CommandPlace[] => {
    const help = command.createHelp();
    const options = [...help.visibleOptions(command), ...(at === "" ? [] : help.visibleOptions(program))];
    for (const option of options) noteValues(option);
    const subcommands = help.visibleCommands(command).filter((sub) => at === "" || sub.name() !== "help");
    const place: CommandPlace = {
      at,
      commands: [
        ...subcommands.map((sub) => ({ word: sub.name(), meaning: sub.description() })),
        ...command.registeredArguments.flatMap(({ argChoices = [], description }) =>
          argChoices.map((word) => ({ word, meaning: description })),
        ),
      ],
      options: distinct(
        options.map(({ short, long, description }) => ({ word: long ?? short ?? "", meaning: description })),
      ),
    };
    const below = subcommands.filter((sub) => sub.name() !== "help");
    return [place, ...below.flatMap((sub) => placesOf(sub, at === "" ? sub.name() : `${at} ${sub.name()}`))];
  };
  return { places: placesOf(program, ""), values };
}

function distinct(words: readonly Word[]): readonly Word[] {
  return [...new Map(words.map((word) => [word.word, word])).values()];
}
