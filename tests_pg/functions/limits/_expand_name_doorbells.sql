-- Every key of a name that was rung for, and for which an instance waits, is looked at.
begin;
select plan(10);

insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm, queue, concurrency_key)
select now(), now(), now(), v.phase::gendurable.phase, 's', '{}', 0, 1, 'm', 'q', v.key
from (values ('held', 'k'), ('held', 'k:1'), ('held', 'k:1'), ('held', 'k:2'), ('executing', 'k:3'), ('held', 'kk'), ('held', 'k-1'), ('held', 'l:k'), ('scheduled', 'k:4'), ('held', 'K'), ('held', 'k:z:z')) as v (phase, key);
select gendurable._expand_name_doorbells('concurrency_limit') \g /dev/null
select is_empty('select * from gendurable.doorbells', 'no name, no keys');
select gendurable._ring_name('concurrency_limit', 'k'), gendurable._ring_name('concurrency_limit', 'k') \g /dev/null
select gendurable._expand_name_doorbells('concurrency_limit') \g /dev/null
select is((select string_agg(key, ' ' order by key collate "C") from gendurable.doorbells where kind = 'slot'), 'k k:1 k:2 k:z:z', 'the keys of the name for which one waits, and no other''s');
select is_empty($$ select * from gendurable.doorbells where kind = 'concurrency_limit' $$, 'the name is answered, however often it was rung for');
delete from gendurable.doorbells where kind <> 'tokens';
select gendurable._ring_name('concurrency_limit', 'nobody') \g /dev/null
select gendurable._expand_name_doorbells('concurrency_limit') \g /dev/null
select is_empty('select * from gendurable.doorbells', 'a name without keys');

select test.connect('other'), test.exec('other', 'begin') \g /dev/null
select (select n from generate_series(1, 1000) as n where hashtext('busy' || n) & 63 not in (select hashtext(x) & 63 from unnest('{k,nobody}'::text[]) as x) limit 1) as n \gset
select test.query('other', format('select gendurable._lock_name(''slot'', %L)', 'busy' || :n)) \g /dev/null
select gendurable._ring_name('concurrency_limit', 'busy' || :n), gendurable._ring_name('concurrency_limit', 'k') \g /dev/null
select gendurable._expand_name_doorbells('concurrency_limit') \g /dev/null
select is((select array_agg(h.key) from gendurable.doorbells as h where h.kind = 'concurrency_limit'), array['busy' || :n], 'a name about which another session decides is left for the next one');
select is((select count(*)::int from gendurable.doorbells as h where h.kind = 'slot'), 4, 'and holds up no other');
select test.exec('other', 'rollback') \g /dev/null
select gendurable._expand_name_doorbells('concurrency_limit') \g /dev/null
select is_empty($$ select * from gendurable.doorbells where kind = 'concurrency_limit' $$, 'which answers it');

-- Rate limits
delete from gendurable.doorbells;
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm, queue, rate_limit)
select now(), now(), now(), v.phase::gendurable.phase, 's', '{}', 0, 1, 'm', 'q', v.key
from (values ('throttled', 'k'), ('throttled', 'k:1'), ('throttled', 'k:1'), ('throttled', 'k:2'), ('executing', 'k:3'), ('throttled', 'kk'), ('throttled', 'k-1'), ('throttled', 'l:k'), ('scheduled', 'k:4'), ('throttled', 'k:z:z')) as v (phase, key);
select gendurable._ring_name('rate_limit', 'k'), gendurable._ring_name('concurrency_limit', 'l') \g /dev/null
select gendurable._expand_name_doorbells('rate_limit') \g /dev/null
select is((select string_agg(key, ' ' order by key collate "C") from gendurable.doorbells where kind = 'tokens'), 'k k:1 k:2 k:z:z', 'of rate keys those for which one waits, and no other''s');
select is((select string_agg(d.kind || ' ' || d.key, ', ') from gendurable.doorbells as d where d.kind <> 'tokens'), 'concurrency_limit l', 'names of the other kind are left alone');
delete from gendurable.doorbells;
select gendurable._ring_name('rate_limit', 'nobody') \g /dev/null
select gendurable._expand_name_doorbells('rate_limit') \g /dev/null
select is_empty('select * from gendurable.doorbells', 'a name without keys');

select * from finish();
rollback;
