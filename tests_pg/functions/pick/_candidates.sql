-- What a round of a pick may claim, and the names that it takes for that.
begin;
select plan(13);

-- The fields of _candidates in one line: found, of them free (in no order); what they have; names that are busy.
create function pg_temp.sorted(p_ids bigint[]) returns text language sql as $$
    select array_agg(i order by i)::text from unnest(p_ids) as i $$;
create function pg_temp.look(p_most int, p_offered bigint[] default null, p_seen bigint[] default '{}',
    p_not_keys text[] default '{}', p_not_rates text[] default '{}')
returns text language sql as $$
    select concat_ws(' ', pg_temp.sorted(c.found), pg_temp.sorted(c.free), case when c.keyed then 'keyed' end,
        case when c.rated then 'rated' end, case when c.heavy then 'heavy' end, 'scoped ' || c.scoped::text,
                     'awaited ' || c.awaited::text, 'keys ' || c.busy_keys::text, 'rates ' || c.busy_rates::text)
    from gendurable._candidates(array(select k.id from gendurable.kinds as k where k.queue = 'q'), p_most, p_offered,
        p_seen, p_not_keys, p_not_rates) as c
$$;
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, rate_limit,
                                  correlation_scope, signalled, awaits)
select v.id, now(), now() - v.age, now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, 'm', v.queue, v.key,
    v.rate, v.scope, v.signalled, v.awaits
from (values (101, 'q', 'ready', 5, interval '9 s', null, null, null::text[], false, null::text[]),
    (102, 'q', 'ready', 1, '1 s', 'k:1', null, null, false, null),
             (103, 'q', 'ready', 1, '2 s', null, 'r:1', '{runnable}', false, null),
             (104, 'q', 'held', 0, '0', 'k:1', null, null, false, null),
             (105, 'other', 'ready', 0, '0', null, null, null, false, null),
             (106, 'q', 'ready', 9, '0', null, null, null, true, '{x}'),
             (107, 'q', 'throttled', 2, '0', null, 'r:1', null, true, null)
     ) as v (id, queue, phase, priority, age, key, rate, scope, signalled, awaits);

select is(gendurable._candidates('{}', 9, null, '{}', '{}', '{}')::text, '(,,,,,,,,,)', 'a queue without kinds');
select is(pg_temp.look(9), '{101,102,103,106} {101,102,103,106} keyed rated heavy scoped {103} awaited {106}',
    'the ready ones of a queue');
select is(pg_temp.look(2), '{102,103} {102,103} keyed rated scoped {103}', 'the most urgent, no more than asked for');
select is(pg_temp.look(3, '{107}'), '{102,103,107} {102,103,107} keyed rated heavy scoped {103}',
    'those that tokens are there for have their place among them');
select is(pg_temp.look(2, p_seen => '{103}'), '{101,102} {101,102} keyed', 'what was seen is passed over');
select is(pg_temp.look(9, p_not_keys => '{k}', p_not_rates => '{r}'), '{101,106} {101,106} heavy awaited {106}',
    'and the names about which another session decides');

-- Another transaction decides about a name of each kind. (This one keeps what it has locked, so these are names of
-- their own.)
update gendurable.instances set concurrency_key = 'busy:1' where id = 102;
update gendurable.instances set rate_limit = 'busy:2' where id = 103;
select test.connect('other'), test.exec('other', 'begin') \g /dev/null
select test.query('other', $$ select gendurable._lock_name('slot', 'busy'), gendurable._lock_name('tokens', 'busy') $$)
    \g /dev/null
select is(pg_temp.look(9),
    '{101,102,103,106} {101,106} keyed rated heavy scoped {103} awaited {106} keys {busy} rates {busy}',
    'of a name that is taken nothing is free');
select test.exec('other', 'rollback') \g /dev/null
select is(pg_temp.look(2), '{102,103} {102,103} keyed rated scoped {103}', 'until it is');

-- Which are worth a closer look before they are handed out.
select is(pg_temp.look(1, p_seen => '{102,103}'), '{101} {101}', 'a small state is not');
update gendurable.instances set joined = true where id = 101;
select is(pg_temp.look(1, p_seen => '{102,103}'), '{101} {101} heavy', 'a join is');
update gendurable.instances set joined = false,
    state = (select to_jsonb(string_agg(md5(n::text), '')) from generate_series(1, 100) as n) where id = 101;
select is(pg_temp.look(1, p_seen => '{102,103}'), '{101} {101}', 'a state of some kB is not');
update gendurable.instances set state = ('[' || repeat('1e131071,', 8999) || '1]')::jsonb where id = 101;
select is(pg_temp.look(1, p_seen => '{102,103}'), '{101} {101} heavy', 'numbers of which no text can be made are');
update gendurable.instances set state = '{}' where id = 101;
update gendurable.instances set last_error = to_jsonb(repeat('x', 70000000)) where id = 101;
select is(pg_temp.look(1, p_seen => '{102,103}'), '{101} {101} heavy',
    'what may be more than a pick hands out is, however well it is compressed');

select * from finish();
rollback;
