/** nTSecurityDescriptor: who gets which part of it, and which writes are taken. The bytes are the product's codec's. */
import { Attribute, BerWriter, Change, type Client, Control } from 'ldapts'
import { expect, test } from 'vitest'
import { blocksInheritance } from '../../../agent/ctl/access.ts'
import { isInherited } from '../../../agent/ctl/ace.ts'
import { controlBit, decodeDescriptor, encodeDescriptor, withAces } from '../../../agent/ctl/descriptor.ts'
import { change, outcome, reset } from '../../../local/directory/testing.ts'
import { type Bench, codeOf, fresh } from './bench.ts'

const type = 'nTSecurityDescriptor'

/** LDAP_SERVER_SD_FLAGS ([MS-ADTS] 3.1.1.3.4.1.11). */
class Parts extends Control {
  readonly #flags: number
  constructor(flags: number) {
    super('1.2.840.113556.1.4.801', { critical: true })
    this.#flags = flags
  }

  override writeControl(writer: BerWriter): void {
    const value = new BerWriter()
    value.startSequence()
    value.writeInt(this.#flags)
    value.endSequence()
    writer.writeBuffer(value.buffer, 0x04)
  }
}

async function readParts(client: Client, dn: string, flags?: number, attributes = [type]): Promise<Buffer | undefined> {
  const controls = flags === undefined ? [] : [new Parts(flags)]
  const { searchEntries } = await client.search(dn, { scope: 'base', attributes, explicitBufferAttributes: [type] }, ...controls)
  const value = searchEntries[0]?.[type]
  return Buffer.isBuffer(value) ? value : undefined
}

async function decoded(client: Client, dn: string, flags = 4) {
  const bytes = await readParts(client, dn, flags)
  if (bytes === undefined) throw new Error('the descriptor was not returned')
  return decodeDescriptor(bytes)
}

const write = (client: Client, dn: string, values: Buffer[], operation: 'replace' | 'add' | 'delete' = 'replace') =>
  client.modify(dn, new Change({ operation, modification: new Attribute({ type, values }) }), new Parts(4))

export function descriptorContract(bench: Bench): void {
  test.each([
    ['nothing said', undefined, false],
    ['no part', 0, false],
    ['owner', 1, true],
    ['group', 2, true],
    ['list', 4, true],
    ['owner, group and list', 7, true],
    ['SACL', 8, false],
    ['everything', 15, false],
  ])('%s: an administrator reads it; whoever else: %s %s', async (_, flags, forAll) => {
    const { scope } = bench.forest.serviceAccount
    expect(await readParts(await bench.administrator(), scope, flags)).toBeInstanceOf(Buffer)
    expect((await readParts(await bench.service(), scope, flags)) !== undefined).toBe(forAll)
  })

  test('only the parts that were asked for', async () => {
    const service = await bench.service()
    const { scope } = bench.forest.serviceAccount
    const present = async (flags: number) => {
      const { owner, group, sacl, dacl } = await decoded(service, scope, flags)
      return [owner, group, sacl, dacl].map((part) => part !== undefined)
    }
    expect(await present(1)).toEqual([true, false, false, false])
    expect(await present(2)).toEqual([false, true, false, false])
    expect(await present(4)).toEqual([false, false, false, true])
    expect(await present(7)).toEqual([true, true, false, true])
  })

  test('it is in "all attributes" only with the control', async () => {
    const administrator = await bench.administrator()
    expect(await readParts(administrator, bench.forest.baseDn, undefined, ['*'])).toBeUndefined()
    expect(await readParts(administrator, bench.forest.baseDn, 4, ['*'])).toBeInstanceOf(Buffer)
  })

  test('what was read may be written, and then nothing is different', async () => {
    const administrator = await bench.administrator()
    const { scope } = bench.forest.serviceAccount
    const bytes = (await readParts(administrator, scope, 4)) ?? Buffer.alloc(0)
    expect(await outcome(write(administrator, scope, [bytes]))).toBe('0')
    expect(await readParts(administrator, scope, 4)).toEqual(bytes)
  })

  test('who may not write it is refused', async () => {
    const service = await bench.service()
    const { scope } = bench.forest.serviceAccount
    const bytes = (await readParts(service, scope, 4)) ?? Buffer.alloc(0)
    expect(await outcome(write(service, scope, [bytes]))).toBe('50 00002098')
  })

  test('what is no descriptor is refused, and what would take it away', async () => {
    const administrator = await bench.administrator()
    const { dn } = await bench.newUser()
    const bytes = (await readParts(administrator, dn, 4)) ?? Buffer.alloc(0)
    expect(await outcome(write(administrator, dn, [Buffer.from('0102', 'hex')]))).toBe('1 00002020')
    expect(await outcome(write(administrator, dn, [bytes.subarray(0, bytes.length - 4)]))).toBe('1 00002020')
    expect(await outcome(write(administrator, dn, [], 'delete'))).toBe('53 00002035')
    expect(await outcome(write(administrator, dn, []))).toBe('53 00002035')
    expect(await outcome(write(administrator, dn, [bytes], 'add'))).toBe('20 0000200D')
    expect(await outcome(write(administrator, dn, [bytes, bytes]))).toBe('20 0000200D')
    expect(await readParts(administrator, dn, 4)).toEqual(bytes)
  })

  test('with inheritance blocked the rights from above are gone; let in again, they are back', async () => {
    const administrator = await bench.administrator()
    const { dn } = await bench.newUser()
    const before = await decoded(administrator, dn)
    const explicit = (before.dacl?.aces ?? []).filter((ace) => !isInherited(ace))
    const block = withAces({ ...before, control: before.control | controlBit.daclProtected }, explicit)
    expect(await outcome(write(administrator, dn, [encodeDescriptor(block)]))).toBe('0')
    const blocked = await decoded(administrator, dn)
    expect(blocksInheritance(blocked)).toBe(true)
    expect(blocked.dacl?.aces).toEqual(explicit)
    const service = await bench.service()
    expect(await codeOf(service.modify(dn, reset(fresh)))).toBe('50')
    expect(await codeOf(service.modify(dn, [change('replace', 'lockoutTime', '0')]))).toBe('50')
    expect(await outcome(write(administrator, dn, [encodeDescriptor(withAces(before, explicit))]))).toBe('0')
    expect((await decoded(administrator, dn)).dacl?.aces).toEqual(before.dacl?.aces)
    expect(await outcome(service.modify(dn, reset(fresh)))).toBe('0')
  })
}
