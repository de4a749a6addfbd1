import type { Section } from './dialect/dialect.ts'
import type { Entry } from './dialect/draft.ts'
import { foldName } from './names.ts'
import type { Place } from './problem.ts'

/** All sections of one name, as one: what xmpp.conf means by an account. */
export interface Group extends Place {
  /** As the first of them writes it. */
  readonly name: string
  /** In file order, so that later ones win. */
  readonly entries: readonly Entry[]
  readonly damaged: boolean
  /** Those of the sections behind the first that name a user, as an account of its own does, though an earlier one has. */
  readonly twins: readonly Section[]
}

function isAccount({ entries }: Section): boolean {
  return entries.some(({ name }) => foldName(name) === 'username')
}

/** Sorts the sections that are not templates into [general] and accounts, each account in the place of its first section. */
export function groupSections(sections: readonly Section[]): { general: Group | undefined; accounts: Group[] } {
  const groups = new Map<string, Section[]>()
  const real = sections.filter(section => !section.template)
  // The published option reference of res_xmpp calls [general] so; but nothing ever forbade an account of that name.
  const globalIsGeneral = !real.some(section => foldName(section.name) === 'global' && isAccount(section))
  for (const section of real) {
    const name = foldName(section.name)
    const key = name === 'global' && globalIsGeneral ? 'general' : name
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [section])
    else group.push(section)
  }
  const general = groups.get('general')
  groups.delete('general')
  return { general: general && merge(general), accounts: [...groups.values()].map(merge) }
}

function merge(sections: readonly Section[]): Group {
  const [first] = sections
  return {
    name: first?.name ?? '',
    file: first?.file ?? '',
    line: first?.line ?? 0,
    entries: sections.flatMap(section => section.entries),
    damaged: sections.some(section => section.damaged),
    twins: sections.filter(isAccount).slice(1),
  }
}
