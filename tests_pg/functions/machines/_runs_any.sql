-- Whether a worker can run one of some kinds.
begin;
select plan(9);

insert into gendurable.kinds (id, queue, fsm, fsm_version, step) overriding system value
values (1, 'q', 'm', 1, 'a'), (2, 'q', 'm', 2, 'a'), (3, 'q', 'm', 2, 'b'), (4, 'other', 'm', 2, 'a'), (5, 'q', 'n', 2, 'a'), (6, 'q', 'n', 2, 'z');
select gd_register('all', '{q}') as everything, gd_register('some', '{q}', info => '{"machines": [{"fsm": "m", "version": 2, "steps": ["a"]}, {"fsm": "n", "version": 2}]}') as some,
       gd_register('none', '{q}', info => '{"machines": []}') as none \gset

select is(gendurable._runs_any(:everything, 'q', '{1}'), true, 'a worker that declares nothing runs everything');
select is(gendurable._runs_any(:none, 'q', '{1,2,3,4,5,6}'), false, 'one that declares an empty list runs nothing');
select is(array(select k from generate_series(1, 6) as k where gendurable._runs_any(:some, 'q', array[k])), '{2,5,6}', 'the machine, the version and the step have to be declared, or all its steps');
select is(gendurable._runs_any(:some, 'q', '{1,3,4,5}'), true, 'one of the kinds is enough');
select is(gendurable._runs_any(:some, 'q', '{1,3,4}'), false, 'none is not');
select is(gendurable._runs_any(:some, 'other', '{2,4}'), true, 'a kind belongs to its queue');
select is(gendurable._runs_any(:some, 'other', '{2}'), false, 'and to no other');
select is(gendurable._runs_any(:some, 'q', '{}'), false, 'no kinds, nothing to run');
select is(gendurable._runs_any(:some, 'q', '{7,null}'), false, 'an unknown kind is nothing to run');

select * from finish();
rollback;
