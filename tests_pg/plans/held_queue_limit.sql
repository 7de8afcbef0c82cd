-- What the limit of a queue costs, before and after 20,000 claims of which no VACUUM may remove a version, while one
-- claim stays all the time: pages of all statements of a call, its helpers included; each call is made once beforehand,
-- so that what it remembers of the catalogs is not counted.
--
-- Mutations: the newest note is found by another order than the index's: 2, 3, 4; _note_holders deletes all of its
--            queue's: 5; what executes is counted among all claims each time: 2, 3.
select plan(6);
select test.connect('holder');
select gd_register('w', '{q}', lease => '1 hour') as w \gset
select gd_set_queue_limit('q', 7) \g /dev/null
create function test.pages(query text) returns int language plpgsql as $$
declare
    v_plan  jsonb;
    v_pages int;
begin
    for v_i in 1 .. 3 loop
        begin
            execute 'explain (analyze, buffers, timing off, summary off, format json) ' || query into v_plan;
            raise exception using errcode = 'XX999';    -- and nothing of the call stays
        exception when sqlstate 'XX999' then
            v_pages := (v_plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks')::int
                + (v_plan -> 0 -> 'Plan' ->> 'Shared Read Blocks')::int;
        end;
    end loop;
    return v_pages;
end
$$;
create table test.call (name text, query text, before int, after int);
insert into test.call values
    ('a count', $$ select gendurable._places_left('q') $$),
    ('a pick of a full queue', format($$ select * from gd_pick(%s, 'q', 9) $$, :w)),
    ('a pick of nothing', format($$ select * from gd_pick(%s, 'q2', 9) $$, :w)),
    ('a note', $$ select gendurable._note_holders('q', '{1,2,3}') $$);
create procedure test.churn(worker bigint, times int) language plpgsql as $$
declare
    v_outcomes jsonb;
begin
    for v_i in 1 .. times loop
        perform count(*) from gd_enqueue_many((select jsonb_agg('{"fsm": "m", "queue": "q"}'::jsonb)
            from generate_series(1, 6)));
        commit;
        select jsonb_agg(jsonb_build_object('id', p.id, 'fence', p.fence, 'kind', 'done')) into v_outcomes
            from gd_pick(worker, 'q', 9) as p;
        commit;
        perform count(*) from gd_commit(worker, v_outcomes);
        commit;
    end loop;
end
$$;
select gd_enqueue('stays', queue => 'q', priority => -1) \g /dev/null
select count(*) from gd_pick(:w, 'q', 1) \g /dev/null
call test.churn(:w, 20);
select gd_enqueue('m', queue => 'q') from generate_series(1, 12) \g /dev/null
select count(*) as filled from gd_pick(:w, 'q', 9) \gset
update test.call as c set before = test.pages(c.query);
select count(*) from gendurable.instances as i,
    gd_commit(:w, jsonb_build_array(jsonb_build_object('id', i.id, 'fence', i.fence, 'kind', 'done')))
    where i.phase = 'executing' and i.fsm = 'm' \g /dev/null
select count(*) from gd_cancel_many(array(select i.id from gendurable.instances as i where i.fsm = 'm')) \g /dev/null

select test.exec('holder', 'begin isolation level repeatable read');
select test.query('holder', 'select count(*) from gendurable.instances') \g /dev/null
call test.churn(:w, 3400);
select gd_enqueue('m', queue => 'q') from generate_series(1, 12) \g /dev/null
select is((select count(*) from gd_pick(:w, 'q', 9)), :filled::bigint,
    'six places beside the claim that stays, before and after');
update test.call as c set after = test.pages(c.query);
select cmp_ok(c.after, '<=', c.before + 25, format('%s: %s pages before, %s after', c.name, c.before, c.after))
    from test.call as c;
select is((select count(*)::int from gendurable.holders), 1, 'one note');

select * from finish();
