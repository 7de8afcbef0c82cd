-- What waits for slots or tokens, and leaves, costs those that come later nothing, while a snapshot is held that keeps
-- every dead row. Buffers of whole calls, around the first thousand instances that pass through a line and around the
-- ten-thousandth.
select plan(13);
set lock_timeout = '60s';
set client_min_messages = error;
select test.connect('holder') \g /dev/null
select gd_register('w', '{q}', '1 day') as w \gset

\ir held.psql

create unlogged table test.due (at timestamptz);
-- A hundred wait in the line; in each turn fifty come, fifty start, fifty end.
create procedure test.turns(worker bigint, turns int, entry jsonb, rate text, key text)
language plpgsql as $$
declare
    v_entries jsonb := (select jsonb_agg(entry || '{"queue": "q"}') from generate_series(1, 50));
    v_late    boolean;
    v_claims  jsonb := (select jsonb_agg(jsonb_build_object('id', i.id, 'fence', i.fence, 'kind', 'done'))
        from gendurable.instances as i where i.worker_id = worker);
begin
    for v_n in 1 .. turns loop
        perform gd_enqueue_many(v_entries);
        commit;
        v_late := case when v_n between 15 and 25 then false when v_n > turns - 10 then true end;
        if v_late is not null and key is not null then
            insert into test.cost values
                ('waits', v_late, test.buffers(format('select * from gendurable._count_of_keys(array[%L], ''held'', 1)',
                    key))),
                ('guess', v_late, test.buffers(format('select * from gendurable._estimate_free_slots(array[%L])',
                    key))),
                ('line', v_late, test.buffers(format('select * from gendurable._slot_line(array[%L])', key))),
                ('sweep', v_late, test.buffers('select gendurable._sweep_slots()'));
        elsif v_late is not null then
            -- Tokens are there for all; as if they were due in an hour.
            update gendurable.buckets as b set due_at = now() + interval '1 h' where b.key = rate;
            commit;
            insert into test.due values (gd_next_due('q'));
            insert into test.cost values
                ('due', v_late, test.buffers('select gd_next_due(''q'')')),
                ('offered', v_late, test.buffers(
                    format('select * from gendurable._of_keys(''tokens'', array[%L], ''ready'', 1000)', rate))),
                ('throttled', v_late, test.buffers(
                    format('select * from gendurable._of_keys(''tokens'', array[%L], ''throttled'', 100)', rate)));
        end if;
        perform gd_commit(worker, coalesce(v_claims, '[]'));
        commit;
        if v_late is not null then
            insert into test.cost values (coalesce(key, rate) || ' pick', v_late,
                test.buffers(format('select count(*) from gd_pick(%s, ''q'', 25)', worker)));
        end if;
        select jsonb_agg(jsonb_build_object('id', c.id, 'fence', c.fence, 'kind', 'done')) into v_claims
        from (select p.id, p.fence from gd_pick(worker, 'q', 50) as p
              union all
              select i.id, i.fence from gendurable.instances as i where v_late is not null and i.worker_id = worker)
                  as c;
        commit;
    end loop;
end
$$;
select gd_set_concurrency_limit('k', 50), gd_set_rate_limit('r', 1e9, '1 s', 1e9) \g /dev/null
select count(*) from gd_enqueue_many((select jsonb_agg('{"fsm": "m", "queue": "q", "concurrency_key": "k"}'::jsonb)
    from generate_series(1, 100))) \g /dev/null
select count(*) from gd_pick(:w, 'q', 50) \g /dev/null
select test.exec('holder', 'begin isolation level repeatable read');
select test.query('holder', 'select count(*) from gendurable.instances') \g /dev/null
call test.turns(:w, 200, '{"fsm": "m", "concurrency_key": "k"}', null, 'k');
select is((select count(*)::int from gendurable.instances where phase = 'held'), 50, '(fifty wait)');
select is((select count(*)::int from gendurable.finished), 10000, '(ten thousand have passed)');
select diag(format('%s: %s', c.what, string_agg(c.line, ' → ' order by c.late)))
from (select what, late, percentile_cont(0.5) within group (order by buffers)::text || ' (most ' || max(buffers) || ')'
    as line from test.cost group by 1, 2) as c group by c.what;
select cmp_ok(test.most('waits'), '<', 150,
    'a commit that looks whether one waits for its slot does not read those that waited before');
select cmp_ok(test.most('guess'), '<', 150, 'nor does the guess for a newcomer');
select cmp_ok(test.ratio('line'), '<', 2.0, 'nor does the look at the line');
select cmp_ok(test.ratio('sweep'), '<', 4.0, 'nor does the sweep');
select cmp_ok(test.ratio('k pick'), '<', 2.0, 'nor does a pick that offers, admits and claims');
select gd_commit(:w, (select jsonb_agg(jsonb_build_object('id', c.id, 'fence', c.fence, 'kind', 'done'))
    from gendurable.instances as c where c.worker_id = :w)) \g /dev/null
select gd_cancel_many(array(select i.id from gendurable.instances as i)) \g /dev/null

select test.exec('holder', 'rollback'), test.exec('holder', 'begin isolation level repeatable read');
select test.query('holder', 'select count(*) from gendurable.instances') \g /dev/null
select count(*) from gd_enqueue_many((select jsonb_agg('{"fsm": "m", "queue": "q", "rate_limit": "r"}'::jsonb)
    from generate_series(1, 50))) \g /dev/null
call test.turns(:w, 200, '{"fsm": "m", "rate_limit": "r"}', 'r', null);
select cmp_ok((select count(*)::int from gendurable.finished), '>=', 20000, '(another ten thousand have passed)');
select diag(format('%s: %s', c.what, string_agg(c.line, ' → ' order by c.late)))
from (select what, late, percentile_cont(0.5) within group (order by buffers)::text || ' (most ' || max(buffers) || ')'
    as line from test.cost where what in ('due', 'offered', 'throttled', 'r pick') group by 1, 2) as c group by c.what;
select cmp_ok(test.ratio('offered'), '<', 2.0, 'a look at what was offered tokens does not read what was before');
select cmp_ok(test.ratio('throttled'), '<', 2.0, 'nor does one at what waits for some');
select cmp_ok(test.ratio('r pick'), '<', 2.0, 'nor does a pick that draws');
select ok((select bool_and(d.at > now() + interval '30 min') from test.due as d),
    '(gd_next_due tells when tokens are due)');
select cmp_ok(test.ratio('due'), '<', 2.0,
    'nor does gd_next_due, which looks whether one of the queue waits for tokens');
select * from finish();
