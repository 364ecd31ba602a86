// check.mjs - other people's tools on our contract: the npm package cloudevents takes every event as it is, in strict
// mode; Ajv finds it valid by event.schema.json; the AsyncAPI document passes its own parser, and its examples the schemas.
// usage: emit_events | node check.mjs SCHEMA_FOLDER
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Parser, fromFile } from '@asyncapi/parser';
import Ajv2020 from 'ajv/dist/2020.js';
import { CloudEvent, HTTP } from 'cloudevents';

const STANZAS = 2275;
const folder = process.argv[2];
const ajv = new Ajv2020({ strict: false, unicodeRegExp: true });
const schemas = Object.fromEntries(['event', 'brief'].map((name) =>
    [name, ajv.compile(JSON.parse(readFileSync(join(folder, `${name}.schema.json`), 'utf8')))]));

function validate(name, value) {
    if (!schemas[name](value))
        throw new Error(`${name}.schema.json: ${ajv.errorsText(schemas[name].errors)}`);
}

// As it comes over the wire, and again built by the package itself, which checks it against the specification.
function checkEvent(line) {
    const original = JSON.parse(line);
    const event = HTTP.toEvent({ headers: { 'content-type': 'application/cloudevents+json' }, body: line });
    new CloudEvent(original, true).validate();
    for (const key of Object.keys(original))
        if (JSON.stringify(event[key]) !== JSON.stringify(original[key]))
            throw new Error(`${key} differs: ${JSON.stringify(event[key])}`);
    validate('event', original);
}

async function checkEvents(input) {
    let count = 0, failed = 0, rest = '';
    input.setEncoding('utf8');
    for await (const chunk of input) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop();
        for (const line of lines) {
            count++;
            try {
                checkEvent(line);
            } catch (error) {
                if (++failed <= 5)
                    console.log(`${error.message}\n  ${line.slice(0, 500)}`);
            }
        }
    }
    console.log(`events: ${count}, ${failed} refused`);
    return count > 2 * STANZAS && failed === 0;
}

function checkExamples(document) {
    let count = 0;
    for (const message of document.components().messages().all())
        for (const example of message.examples().all()) {
            validate(message.name() === 'brief' ? 'brief' : 'event', example.payload());
            count++;
        }
    return count;
}

async function checkDocument(path) {
    const { document, diagnostics } = await fromFile(new Parser(), path).parse();
    const errors = diagnostics.filter((d) => d.severity === 0);
    for (const d of errors)
        console.log(`asyncapi: ${d.path.join('.')}: ${d.message}`);
    if (!document)
        return false;
    console.log(`asyncapi: ${document.channels().all().length} channels, ${document.operations().all().length} operations, ` +
                `${checkExamples(document)} examples, ${errors.length} errors`);
    return errors.length === 0;
}

const documentIsFine = await checkDocument(join(folder, 'asyncapi.yaml'));
const eventsAreFine = await checkEvents(process.stdin);
process.exit(documentIsFine && eventsAreFine ? 0 : 1);
