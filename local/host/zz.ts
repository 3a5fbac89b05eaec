import { startBus } from '../bus/bus.ts'
import { queues } from '../../infra/topology.ts'
import { startAzurite, connectionString } from '../azurite.ts'
import { startHost } from './host.ts'
import { fileURLToPath } from 'node:url'
const t0 = performance.now()
const mark = (s: string) => process.stdout.write(`${s} ${Math.round(performance.now()-t0)}ms ${process.getActiveResourcesInfo()}\n`)
const azurite = await startAzurite(); mark('azurite')
const bus = await startBus({ queues: { events: queues.events, texts: queues.events }, rules: [{name:'a',keys:['k'],claims:{events:['Listen','Send'],texts:['Listen','Send']}}] }); mark('bus')
const ServiceBus = `Endpoint=sb://127.0.0.1:${bus.addresses.tcp};SharedAccessKeyName=a;SharedAccessKey=k;UseDevelopmentEmulator=true`
const hostJson = { version: '2.0', extensionBundle: {id:'x',version:'y'} }
const h1 = await startHost({ entry: fileURLToPath(new URL('./fixtures/service-bus-app.ts', import.meta.url)), hostJson, settings: { ServiceBus } }); mark('sb host')
bus.control.send('events', { messageId: 'x', bodyBase64: 'AA==' })
await new Promise(r=>setTimeout(r,200))
await h1.close(); mark('closed')
const h2 = await startHost({ entry: fileURLToPath(new URL('./fixtures/queue-app.ts', import.meta.url)), hostJson, settings: { QUEUE:'q', AzureWebJobsStorage: connectionString(azurite.addresses) } }); mark('queue host')
await h2.close(); mark('closed')
await bus.close(); await azurite.close(); mark('all closed')
setTimeout(()=>mark('2s later'), 2000).unref()
process.on('exit', () => mark('exit'))
