import { expect, test } from 'vitest'
import { readConnection } from './connection.ts'

const read = (settings: Record<string, string>) => readConnection('Bus', 'fullyQualifiedNamespace', settings)

test('a connection string stands under its name, or under that name with the old prefix', () => {
  expect(read({ Bus: 'a' })).toEqual({ kind: 'connectionString', value: 'a' })
  expect(read({ AzureWebJobsBus: 'b' })).toEqual({ kind: 'connectionString', value: 'b' })
})

test('an identity needs a place and an endpoint that vouches for it', () => {
  const place = { Bus__fullyQualifiedNamespace: 'localhost:1' }
  expect(read({ ...place, IDENTITY_ENDPOINT: 'http://127.0.0.1:1/' })).toMatchObject({ kind: 'identity', address: 'localhost:1' })
  expect(() => read(place)).toThrow(/IDENTITY_ENDPOINT is not set/)
})

test('a connection that nobody configured is told by the settings that would do', () => {
  expect(() => read({})).toThrow("neither the setting 'Bus' nor 'Bus__fullyQualifiedNamespace' is there")
})
