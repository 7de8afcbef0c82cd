-- A heartbeat's list × a pick in flight: a claim that the worker cannot know of is not taken from
-- it, a claim whose answer never arrived is.
--
-- Race:      The list of a heartbeat × a pick in flight
-- Sessions:  The list lacks a claim that was picked since. The row is given up and picked again
--            while the heartbeat is under way.
-- Guard:     "Claimed before the previous heartbeat", checked again under the lock.
-- Mutations: Neither check → 2, 3, 4, 6, 16, 17; no second check → 16, 17.
\ir prelude.psql
select plan(17);
select test.open('a', 'b');
select gd_register('w') as w \gset
select gd_enqueue('M') \g /dev/null

-- The list was written before the pick's answer arrived; the heartbeat comes while the pick is at work, and after it.
select gd_heartbeat(:w, '{}') \g /dev/null
select test.exec('a', 'begin');
select test.query('a', format($$ select id, fence from gd_pick(%s, 'default', 1) $$, :w)) -> 0 as p \gset
select (:'p'::jsonb ->> 'id')::bigint as i, (:'p'::jsonb ->> 'fence')::bigint as f \gset
select test.exec('a', 'commit');
select is(test.query('b', format($$ select * from gd_heartbeat(%s, '{}') $$, :w)), '[]',
    'a list without a claim that was just picked');
select is(test.phase(:i), 'executing', 'does not release it');
select is(test.query('b', format($$ select * from gd_heartbeat(%s, array[%s]) $$, :w, :i)), '[]',
    'listed since, it is held');
select is(test.phase(:i), 'executing', 'and kept, however long ago it was picked');
select is(test.query('b', format($$ select * from gd_heartbeat(%s, null) $$, :w)), '[]', 'a heartbeat without a list');
select is(test.phase(:i), 'executing', 'releases nothing');
select is(test.query('b', format($$ select * from gd_heartbeat(%s, '{}') $$, :w)), '[]',
    'a list that still lacks it after a whole interval');
select is((select row(i.phase, i.attempt)::text from gendurable.instances as i), '(ready,1)',
    'releases what never arrived, and counts the attempt');
select is(test.query('b', format($$ select * from gd_heartbeat(%s, array[%s]) $$, :w, :i)),
    format('[{"lost": %s}]', :i)::jsonb,
    'a claim that is no longer held is reported as lost');

-- A heartbeat beside a pick in flight, which was given all it asked for.
select test.exec('a', 'begin');
select test.query('a', format($$ select id from gd_pick(%s, 'default', 1) $$, :w));
select test.send('b', format($$ select * from gd_heartbeat(%s, '{}') $$, :w));
select ok(not test.is_blocked('b'), 'a heartbeat does not wait for a pick in flight');
select is(test.answer('b'), '[]', 'and takes nothing from it');
select test.exec('a', 'commit');
select is(test.phase(:i), 'executing', 'the pick has its claim');

-- Between the heartbeat's look and its lock the worker's own late commit gives the row back, and the same worker picks
-- it anew: that claim is not the one that was missing. A gate before the release holds the heartbeat there.
alter function gendurable._release rename to _release_behind_gate;
create function gendurable._release(p_workers bigint[], p_ids bigint[] default null, p_lost text default null,
    p_eligible_at timestamptz default null,
                                    p_claimed_before timestamptz default null, p_excused boolean default false)
returns int
language plpgsql as $$
begin
    if current_setting('application_name') = 'b' then
        perform pg_advisory_lock_shared(1), pg_advisory_unlock_shared(1);
    end if;
    return gendurable._release_behind_gate(p_workers, p_ids, p_lost, p_eligible_at, p_claimed_before, p_excused);
end
$$;
select fence as f from gendurable.instances where id = :i \gset
select gd_heartbeat(:w) \g /dev/null
select pg_advisory_lock(1) \g /dev/null
select test.send('b', format($$ select * from gd_heartbeat(%s, '{}') $$, :w));
select ok(test.is_blocked('b'), 'a heartbeat is about to release a claim that it missed');
select is(test.results(test.query('a', test.commit(:w, test.outcome(:i, :f, 'next', '{"step": "two"}')))), 'committed',
    'its commit arrives after all');
select cmp_ok((select p.fence from gd_pick(:w, 'default', 1) as p), '>', :f + 1,
    'and the same worker picks the next step');
select pg_advisory_unlock(1) \g /dev/null
select test.answer('b');
select is((select row(i.phase, i.attempt)::text from gendurable.instances as i), '(executing,0)',
    'the new claim is not released');
select is((select i.worker_id from gendurable.instances as i), :w::bigint, 'and still this worker''s');
select * from finish();
