-- Outcomes are noted before they are applied.
begin;
\ir ../prelude.psql
select plan(14);
create function pg_temp.events() returns text language sql as $$
    select string_agg(concat_ws(' ', m.fsm, h.event, h.step, h.attempt::text, coalesce(h.worker, '-'),
        coalesce(h.detail::text, '-')), e'\n' order by h.at, m.fsm, h.event) from gendurable.history as h left
        join made as m on m.id = h.instance_id $$;
create function pg_temp.outcome(fsm text, kind text, more jsonb default '{}') returns gendurable.outcome
    language sql as $$
    select jsonb_populate_record(null::gendurable.outcome,
        jsonb_build_object('ord', 1, 'id', c.id, 'fence', c.fence, 'kind', kind) || more) from claim as c
        where c.fsm = outcome.fsm
$$;
select pg_temp.put('a'), pg_temp.put('b'), pg_temp.put('c') \g /dev/null
select pg_temp.pick(3) \g /dev/null

select gendurable._note_outcomes(array[pg_temp.outcome('a', 'stop', '{"error": {"e": 1}}'),
    pg_temp.outcome('b', 'retry', '{"error": {"e": 2}}'), pg_temp.outcome('c', 'retry')], :me,
    '{next,retry,await,done,stop}') \g /dev/null
select is(pg_temp.events(), e'a stop start 0 me {"e": 1}\nb retry start 0 me {"e": 2}',
    'a stop, and a retry with an error, are noted with it');
select is((select count(distinct h.at)::int from gendurable.history as h), 1, 'at one time');
select results_eq($$ select h.fence, h.started_at from gendurable.history as h $$, $$
    select i.fence, i.updated_at from gendurable.instances as i where i.fsm in ('a', 'b') $$,
    'under the fence of the claim; the step began when it was claimed');
delete from gendurable.history;
select gendurable._note_outcomes(array[pg_temp.outcome('a', 'next', '{"step": "two"}'),
    pg_temp.outcome('b', 'await', '{"names": ["x", "y"]}'), pg_temp.outcome('c', 'done', '{"result": 1}')], :me,
    '{next,retry,await,done,stop}') \g /dev/null
select is(pg_temp.events(), null, 'what is no error is not noted on the level errors');
select gd_set_history('a', 'steps'), gd_set_history('b', 'steps'), gd_set_history('c', 'none') \g /dev/null
select gendurable._note_outcomes(array[pg_temp.outcome('a', 'next', '{"step": "two"}'),
    pg_temp.outcome('b', 'await', '{"names": ["x", "y"]}'), pg_temp.outcome('c', 'stop')], :me,
    '{next,retry,await,done,stop}') \g /dev/null
select is(pg_temp.events(), e'a next start 0 me {"to": "two"}\nb await start 0 me {"names": ["x", "y"]}',
    'on the level steps it is, with where it goes and what it awaits; on the level none nothing is');
delete from gendurable.history;
select gendurable._note_outcomes(array[pg_temp.outcome('a', 'done', '{"result": 1}'), pg_temp.outcome('b', 'retry'),
    pg_temp.outcome('b', 'stop')], :me, '{next,retry,await,done,stop}') \g /dev/null
select is(pg_temp.events(), e'a done start 0 me -\nb retry start 0 me -\nb stop start 0 me {}',
    'the end of an instance, a retry and a stop without an error');
delete from gendurable.history;
select gendurable._note_outcomes(array[pg_temp.outcome('a', 'schedule_children',
    '{"children": [{"fsm": "k"}, {"fsm": "k"}]}'), pg_temp.outcome('b', 'done')], :me, '{done,stop}') \g /dev/null
select is(pg_temp.events(), 'b done start 0 me -',
    'only those of some kinds: the others are not known to be applied yet');
select gendurable._note_outcomes(array[pg_temp.outcome('a', 'schedule_children',
    '{"children": [{"fsm": "k"}, {"fsm": "k"}]}'), pg_temp.outcome('b', 'done')], :me,
    '{schedule_children}') \g /dev/null
select is(pg_temp.events(), e'b done start 0 me -\na schedule_children start 0 me {"children": 2}',
    'children, when they are created, with their number');
delete from gendurable.history;

-- Cancellations.
select pg_temp.put('waits') \g /dev/null
select gendurable._note_outcomes(array[
    pg_temp.outcome('a', 'stop', '{"error": {"kind": "cancelled", "reason": "why"}}'),
    jsonb_populate_record(null::gendurable.outcome,
        jsonb_build_object('id', pg_temp.id('waits'), 'fence', 0, 'kind', 'stop', 'error',
            '{"kind": "cancelled", "reason": null}'::jsonb))], null, '{stop}') \g /dev/null
select is(pg_temp.events(), e'a cancelled start 0 me {"reason": "why"}\nwaits cancelled start 0 - {"reason": null}',
    'without a worker they are cancellations, which are noted with the reason and the worker that is interrupted');
select is((select string_agg((h.started_at is null)::text, ' ' order by h.instance_id) from gendurable.history as h),
    'false true', 'what does not execute has not begun');
delete from gendurable.history;

-- By the whole commit.
select is(pg_temp.commit('a', 'next', '{"step": "two", "continue": true}') || ' ' || pg_temp.commit('b', 'next',
    '{"step": "two", "continue": true}'), 'continued continued', 'two run ahead');
select is(pg_temp.events(), e'a next start 0 me {"to": "two"}\nb next start 0 me {"to": "two"}', 'and are noted');
select is((select count(*)::int from gendurable.instances as i join gendurable.history as h on h.instance_id = i.id
    where i.fsm in ('a', 'b') and h.started_at = i.claimed_at and h.at <= i.updated_at), 2,
    'from the claim to the outcome');
update gendurable.instances set updated_at = now() + interval '1 minute' where fsm = 'a';
select pg_temp.commit('a', 'done') \g /dev/null
select is((select h.started_at from gendurable.history as h where h.event = 'done'), now() + interval '1 minute',
    'the next step begins with the outcome before it');

select * from finish();
rollback;
