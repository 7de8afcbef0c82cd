-- What changes in one spot stays as cheap as it was, while a snapshot is held that keeps every dead row: a parent that
-- counts down, an inbox. Buffers of whole calls, the first ones beside the last ones.
select plan(7);
set lock_timeout = '60s';
select test.connect('holder') \g /dev/null
select gd_register('w', '{p,q}', '1 day') as w \gset

create unlogged table test.cost (what text, n int, buffers int);
create function test.ratio(what text) returns numeric
language sql as $$
    select round((max(m.median) filter (where m.late) / max(m.median) filter (where not m.late))::numeric, 2)
    from (select c.n > 1000 as late, percentile_cont(0.5) within group (order by c.buffers) as median
          from test.cost as c where c.what = ratio.what and (c.n between 11 and 60 or c.n > 1940) group by 1) as m
$$;

-- A parent of 2,000 children that end one by one.
select gd_enqueue('P', queue => 'p') \g /dev/null
select id as p, fence as f from gd_pick(:w, 'p', 1) \gset
select count(*) from gd_commit(:w,
    (select jsonb_build_array(jsonb_build_object('id', :p, 'fence', :f, 'kind', 'schedule_children',
    'children', jsonb_agg('{"fsm": "C", "queue": "q"}'::jsonb))) from generate_series(1, 2000))) \g /dev/null
select count(*) from gd_pick(:w, 'q', 2000) \g /dev/null
create procedure test.count_down(worker bigint)
language plpgsql as $$
declare
    v_child record;
begin
    for v_child in select i.id, i.fence, row_number() over (order by i.id) as n from gendurable.instances as i
        where i.fsm = 'C' order by i.id loop
        insert into test.cost values ('count', v_child.n, test.buffers(format('select * from gd_commit(%s, %L)', worker,
            jsonb_build_array(jsonb_build_object('id', v_child.id, 'fence', v_child.fence, 'kind', 'done')))));
        commit;
    end loop;
end
$$;
select test.exec('holder', 'begin isolation level repeatable read');
select test.query('holder', 'select count(*) from gendurable.instances') \g /dev/null
call test.count_down(:w);
select cmp_ok(test.ratio('count'), '<', 1.3, 'the last of 2,000 counts of one parent reads what the first ones read');
select is((select phase::text from gendurable.instances where id = :p), 'ready', 'and its join is due');

-- A parent of 2,000 rounds of two children: what a join reads is its own round's.
select gd_enqueue('L', queue => 'r') \g /dev/null
create procedure test.rounds(worker bigint)
language plpgsql as $$
declare
    v_job gendurable.job;
begin
    for v_n in 1 .. 2000 loop
        select * into v_job from gd_pick(worker, 'r', 1);
        insert into test.cost values ('join', v_n,
            test.buffers(format('select * from gendurable._children(%s, %s)', v_job.id, v_n - 1)));
        perform gd_commit(worker,
            jsonb_build_array(jsonb_build_object('id', v_job.id, 'fence', v_job.fence, 'kind', 'schedule_children',
            'children', '[{"fsm": "D", "queue": "s"}, {"fsm": "D", "queue": "s"}]'::jsonb)));
        perform gd_commit(worker,
            (select jsonb_agg(jsonb_build_object('id', j.id, 'fence', j.fence, 'kind', 'done'))
                from gd_pick(worker, 's', 2) as j));
        commit;
    end loop;
end
$$;
call test.rounds(:w);
select cmp_ok(test.ratio('join'), '<', 1.3,
    'the join of the last of 2,000 rounds reads what that of the first ones read');

-- An inbox of which 20,000 signals are consumed, ten at a time, while three stay.
select gd_enqueue('I', queue => 'i') \g /dev/null
select id as i from gd_pick(:w, 'i', 1) \gset
select gd_signal(:i, 'stays') from generate_series(1, 3) \g /dev/null
create procedure test.consume(target bigint)
language plpgsql as $$
declare
    v_signals text := format('select * from gd_signal_many(%L)',
        (select jsonb_agg(jsonb_build_object('id', target, 'name', 's')) from generate_series(1, 10)));
    v_inbox   bigint;
begin
    for v_n in 1 .. 2000 loop
        insert into test.cost values ('deliver', v_n, test.buffers(v_signals));
        commit;
        insert into test.cost values ('page', v_n, test.buffers(format('select * from gd_signals(%s)', target)));
        select gendurable._inbox_key(i.id, i.inbox) into v_inbox from gendurable.instances as i where i.id = target;
        insert into test.cost values ('hand out', v_n, test.buffers(format('select gendurable._inbox(%s)', v_inbox)));
        insert into test.cost values ('consume', v_n,
            test.buffers(format('select gendurable._consume(gendurable._parse_outcomes(%L), ''retry'')',
                jsonb_build_array(
            jsonb_build_object('id', target, 'fence', 1, 'kind', 'retry', 'consumed',
                (select jsonb_agg(s.id) from gendurable.signals as s
                    where s.inbox = v_inbox and s.name <> 'stays'))))));
        commit;
    end loop;
end
$$;
call test.consume(:i);
-- (The target's own row has some three hundred versions by then, one for each inbox; these two look it up, and visit
-- those that found no room beside the one before. How many that are is a matter of what else stands in the page.)
select cmp_ok(test.ratio('deliver'), '<', 60.0,
    'a delivery after 20,000 signals were consumed reads what the first ones read');
select cmp_ok(test.ratio('page'), '<', 60.0, 'so does a page of the inbox');
select cmp_ok(test.ratio('hand out'), '<', 2.5, 'so does what a step is handed');
select cmp_ok(test.ratio('consume'), '<', 1.5, 'and so does what it consumes');
select * from finish();
