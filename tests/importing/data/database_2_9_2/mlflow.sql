PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE experiments (
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	artifact_location VARCHAR(256), 
	lifecycle_stage VARCHAR(32), creation_time BIGINT, last_update_time BIGINT, 
	CONSTRAINT experiment_pk PRIMARY KEY (experiment_id), 
	CONSTRAINT experiments_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	UNIQUE (name)
);
INSERT INTO experiments VALUES(0,'Default','/srv/mlflow/mlruns/0','active',1795678696296,1795678696296);
INSERT INTO experiments VALUES(1,'churn','/srv/mlflow/mlruns/1','active',1795678696302,1795678696302);
INSERT INTO experiments VALUES(2,'gone','/srv/mlflow/mlruns/2','deleted',1795678696378,1795678696444);
INSERT INTO experiments VALUES(3,'far','s3://bucket/far','active',1795678697758,1795678697758);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO alembic_version VALUES('acf3f17fdcc7');
CREATE TABLE experiment_tags (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	experiment_id INTEGER NOT NULL, 
	CONSTRAINT experiment_tag_pk PRIMARY KEY ("key", experiment_id), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id)
);
INSERT INTO experiment_tags VALUES('team','growth',1);
INSERT INTO experiment_tags VALUES('mlflow.note.content',replace('# Churn\n\nünïcode','\n',char(10)),1);
CREATE TABLE IF NOT EXISTS "tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT tag_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO tags VALUES('mlflow.runName','in a deleted experiment','25d3caf821fd42ef9115ff40a5e9552c');
INSERT INTO tags VALUES('mlflow.runName','run-0','2e9770306ec749639481771c0f1e8d2d');
INSERT INTO tags VALUES('kind','baseline','2e9770306ec749639481771c0f1e8d2d');
INSERT INTO tags VALUES('mlflow.source.name','train.py','2e9770306ec749639481771c0f1e8d2d');
INSERT INTO tags VALUES('mlflow.runName','run-1','9d0cb46a71c74fe39c3f498e85acf7c0');
INSERT INTO tags VALUES('kind','baseline','9d0cb46a71c74fe39c3f498e85acf7c0');
INSERT INTO tags VALUES('mlflow.source.name','train.py','9d0cb46a71c74fe39c3f498e85acf7c0');
INSERT INTO tags VALUES('mlflow.runName','run-2','8ff51bc02c0347efb837b18094a82cb1');
INSERT INTO tags VALUES('kind','baseline','8ff51bc02c0347efb837b18094a82cb1');
INSERT INTO tags VALUES('mlflow.source.name','train.py','8ff51bc02c0347efb837b18094a82cb1');
INSERT INTO tags VALUES('mlflow.runName','deleted','529b37a5f44045819259fec2a39490f6');
INSERT INTO tags VALUES('mlflow.runName','in Default','ee0c27d9162849318cd4679fc5aebd1e');
INSERT INTO tags VALUES('mlflow.runName','far run','4c331b93bf13494fb8a10636f6ad6941');
CREATE TABLE registered_models (
	name VARCHAR(256) NOT NULL, 
	creation_time BIGINT, 
	last_updated_time BIGINT, 
	description VARCHAR(5000), 
	CONSTRAINT registered_model_pk PRIMARY KEY (name), 
	UNIQUE (name)
);
INSERT INTO registered_models VALUES('churn',1795678697238,1795678697791,'Who will leave?');
INSERT INTO registered_models VALUES('fraud-detection',1795678697274,1795678697730,NULL);
INSERT INTO registered_models VALUES('no-versions',1795678697298,1795678697298,'ü');
CREATE TABLE IF NOT EXISTS "runs" (
	run_uuid VARCHAR(32) NOT NULL, 
	name VARCHAR(250), 
	source_type VARCHAR(20), 
	source_name VARCHAR(500), 
	entry_point_name VARCHAR(50), 
	user_id VARCHAR(256), 
	status VARCHAR(9), 
	start_time BIGINT, 
	end_time BIGINT, 
	source_version VARCHAR(50), 
	lifecycle_stage VARCHAR(20), 
	artifact_uri VARCHAR(200), 
	experiment_id INTEGER, deleted_time BIGINT, 
	CONSTRAINT run_pk PRIMARY KEY (run_uuid), 
	CONSTRAINT source_type CHECK (source_type IN ('NOTEBOOK', 'JOB', 'LOCAL', 'UNKNOWN', 'PROJECT')), 
	CONSTRAINT runs_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CHECK (status IN ('SCHEDULED', 'FAILED', 'FINISHED', 'RUNNING', 'KILLED'))
);
INSERT INTO runs VALUES('25d3caf821fd42ef9115ff40a5e9552c','in a deleted experiment','UNKNOWN','','','unknown','RUNNING',1795678696390,NULL,'','deleted','/srv/mlflow/mlruns/2/25d3caf821fd42ef9115ff40a5e9552c/artifacts',2,1795678696453);
INSERT INTO runs VALUES('2e9770306ec749639481771c0f1e8d2d','run-0','UNKNOWN','','','unknown','FINISHED',1700000000000,1700000100000,'','active','/srv/mlflow/mlruns/1/2e9770306ec749639481771c0f1e8d2d/artifacts',1,NULL);
INSERT INTO runs VALUES('9d0cb46a71c74fe39c3f498e85acf7c0','run-1','UNKNOWN','','','unknown','FAILED',1700000000001,1700000100001,'','active','/srv/mlflow/mlruns/1/9d0cb46a71c74fe39c3f498e85acf7c0/artifacts',1,NULL);
INSERT INTO runs VALUES('8ff51bc02c0347efb837b18094a82cb1','run-2','UNKNOWN','','','unknown','KILLED',1700000000002,1700000100002,'','active','/srv/mlflow/mlruns/1/8ff51bc02c0347efb837b18094a82cb1/artifacts',1,NULL);
INSERT INTO runs VALUES('529b37a5f44045819259fec2a39490f6','deleted','UNKNOWN','','','unknown','RUNNING',1795678697145,NULL,'','deleted','/srv/mlflow/mlruns/1/529b37a5f44045819259fec2a39490f6/artifacts',1,1795678697176);
INSERT INTO runs VALUES('ee0c27d9162849318cd4679fc5aebd1e','in Default','UNKNOWN','','','unknown','RUNNING',1795678697191,NULL,'','active','/srv/mlflow/mlruns/0/ee0c27d9162849318cd4679fc5aebd1e/artifacts',0,NULL);
INSERT INTO runs VALUES('4c331b93bf13494fb8a10636f6ad6941','far run','UNKNOWN','','','unknown','RUNNING',1795678697773,NULL,'','active','s3://bucket/far/4c331b93bf13494fb8a10636f6ad6941/artifacts',3,NULL);
CREATE TABLE registered_model_tags (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	name VARCHAR(256) NOT NULL, 
	CONSTRAINT registered_model_tag_pk PRIMARY KEY ("key", name), 
	FOREIGN KEY(name) REFERENCES registered_models (name) ON UPDATE cascade
);
INSERT INTO registered_model_tags VALUES('task','classification','churn');
CREATE TABLE model_version_tags (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	CONSTRAINT model_version_tag_pk PRIMARY KEY ("key", name, version), 
	FOREIGN KEY(name, version) REFERENCES model_versions (name, version) ON UPDATE cascade
);
INSERT INTO model_version_tags VALUES('from','2e9770306ec749639481771c0f1e8d2d','churn',1);
INSERT INTO model_version_tags VALUES('from','9d0cb46a71c74fe39c3f498e85acf7c0','churn',2);
INSERT INTO model_version_tags VALUES('from','8ff51bc02c0347efb837b18094a82cb1','churn',3);
INSERT INTO model_version_tags VALUES('validation_status','passed','churn',1);
CREATE TABLE IF NOT EXISTS "model_versions" (
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	creation_time BIGINT, 
	last_updated_time BIGINT, 
	description VARCHAR(5000), 
	user_id VARCHAR(256), 
	current_stage VARCHAR(20), 
	source VARCHAR(500), 
	run_id VARCHAR(32), 
	status VARCHAR(20), 
	status_message VARCHAR(500), 
	run_link VARCHAR(500), storage_location VARCHAR(500), 
	CONSTRAINT model_version_pk PRIMARY KEY (name, version), 
	FOREIGN KEY(name) REFERENCES registered_models (name) ON UPDATE CASCADE
);
INSERT INTO model_versions VALUES('churn',1,1795678697328,1795678697533,'of 2e9770306ec749639481771c0f1e8d2d',NULL,'Production','/srv/mlflow/mlruns/1/2e9770306ec749639481771c0f1e8d2d/artifacts/model','2e9770306ec749639481771c0f1e8d2d','READY',NULL,NULL,'/srv/mlflow/mlruns/1/2e9770306ec749639481771c0f1e8d2d/artifacts/model');
INSERT INTO model_versions VALUES('churn',2,1795678697383,1795678697502,NULL,NULL,'Deleted_Internal','REDACTED-SOURCE-PATH','REDACTED-RUN-ID','READY',NULL,'REDACTED-RUN-LINK','/srv/mlflow/mlruns/1/9d0cb46a71c74fe39c3f498e85acf7c0/artifacts/model');
INSERT INTO model_versions VALUES('churn',3,1795678697437,1795678697437,'of 8ff51bc02c0347efb837b18094a82cb1',NULL,'None','/srv/mlflow/mlruns/1/8ff51bc02c0347efb837b18094a82cb1/artifacts/model','8ff51bc02c0347efb837b18094a82cb1','READY',NULL,NULL,'/srv/mlflow/mlruns/1/8ff51bc02c0347efb837b18094a82cb1/artifacts/model');
INSERT INTO model_versions VALUES('churn',4,1795678697475,1795678697570,NULL,NULL,'Staging','/srv/mlflow/mlruns/1/2e9770306ec749639481771c0f1e8d2d/artifacts/model','2e9770306ec749639481771c0f1e8d2d','READY',NULL,NULL,'/srv/mlflow/mlruns/1/2e9770306ec749639481771c0f1e8d2d/artifacts/model');
INSERT INTO model_versions VALUES('fraud-detection',1,1795678697691,1795678697730,NULL,NULL,'Archived','/srv/mlflow/mlruns/1/9d0cb46a71c74fe39c3f498e85acf7c0/artifacts/model','9d0cb46a71c74fe39c3f498e85acf7c0','READY',NULL,NULL,'/srv/mlflow/mlruns/1/9d0cb46a71c74fe39c3f498e85acf7c0/artifacts/model');
INSERT INTO model_versions VALUES('churn',5,1795678697791,1795678697791,NULL,NULL,'None','s3://bucket/far/4c331b93bf13494fb8a10636f6ad6941/artifacts/model','4c331b93bf13494fb8a10636f6ad6941','READY',NULL,NULL,'s3://bucket/far/4c331b93bf13494fb8a10636f6ad6941/artifacts/model');
CREATE TABLE IF NOT EXISTS "latest_metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT, 
	step BIGINT NOT NULL, 
	is_nan BOOLEAN NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT latest_metric_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
INSERT INTO latest_metrics VALUES('auc',0.54000000000000003552,1700000000004,4,0,'2e9770306ec749639481771c0f1e8d2d');
INSERT INTO latest_metrics VALUES('loss',0.25,1700000000001,1,0,'2e9770306ec749639481771c0f1e8d2d');
INSERT INTO latest_metrics VALUES('nan-at-last',0.0,6,1,1,'2e9770306ec749639481771c0f1e8d2d');
INSERT INTO latest_metrics VALUES('auc',0.54000000000000003552,1700000000004,4,0,'9d0cb46a71c74fe39c3f498e85acf7c0');
INSERT INTO latest_metrics VALUES('loss',0.25,1700000000001,1,0,'9d0cb46a71c74fe39c3f498e85acf7c0');
INSERT INTO latest_metrics VALUES('nan-at-last',0.0,6,1,1,'9d0cb46a71c74fe39c3f498e85acf7c0');
INSERT INTO latest_metrics VALUES('auc',0.54000000000000003552,1700000000004,4,0,'8ff51bc02c0347efb837b18094a82cb1');
INSERT INTO latest_metrics VALUES('loss',0.25,1700000000001,1,0,'8ff51bc02c0347efb837b18094a82cb1');
INSERT INTO latest_metrics VALUES('nan-at-last',0.0,6,1,1,'8ff51bc02c0347efb837b18094a82cb1');
INSERT INTO latest_metrics VALUES('infinite',1.7976931348623156223e+308,7,0,0,'2e9770306ec749639481771c0f1e8d2d');
CREATE TABLE IF NOT EXISTS "metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	step BIGINT DEFAULT '0' NOT NULL, 
	is_nan BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT metric_pk PRIMARY KEY ("key", timestamp, step, run_uuid, value, is_nan), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
INSERT INTO metrics VALUES('auc',0.5,1700000000000,'2e9770306ec749639481771c0f1e8d2d',0,0);
INSERT INTO metrics VALUES('auc',0.51000000000000000888,1700000000001,'2e9770306ec749639481771c0f1e8d2d',1,0);
INSERT INTO metrics VALUES('auc',0.52000000000000001776,1700000000002,'2e9770306ec749639481771c0f1e8d2d',2,0);
INSERT INTO metrics VALUES('auc',0.53000000000000002664,1700000000003,'2e9770306ec749639481771c0f1e8d2d',3,0);
INSERT INTO metrics VALUES('auc',0.54000000000000003552,1700000000004,'2e9770306ec749639481771c0f1e8d2d',4,0);
INSERT INTO metrics VALUES('loss',0.0,1700000000000,'2e9770306ec749639481771c0f1e8d2d',0,1);
INSERT INTO metrics VALUES('loss',0.25,1700000000001,'2e9770306ec749639481771c0f1e8d2d',1,0);
INSERT INTO metrics VALUES('nan-at-last',1.0,5,'2e9770306ec749639481771c0f1e8d2d',0,0);
INSERT INTO metrics VALUES('nan-at-last',0.0,6,'2e9770306ec749639481771c0f1e8d2d',1,1);
INSERT INTO metrics VALUES('auc',0.5,1700000000000,'9d0cb46a71c74fe39c3f498e85acf7c0',0,0);
INSERT INTO metrics VALUES('auc',0.51000000000000000888,1700000000001,'9d0cb46a71c74fe39c3f498e85acf7c0',1,0);
INSERT INTO metrics VALUES('auc',0.52000000000000001776,1700000000002,'9d0cb46a71c74fe39c3f498e85acf7c0',2,0);
INSERT INTO metrics VALUES('auc',0.53000000000000002664,1700000000003,'9d0cb46a71c74fe39c3f498e85acf7c0',3,0);
INSERT INTO metrics VALUES('auc',0.54000000000000003552,1700000000004,'9d0cb46a71c74fe39c3f498e85acf7c0',4,0);
INSERT INTO metrics VALUES('loss',0.0,1700000000000,'9d0cb46a71c74fe39c3f498e85acf7c0',0,1);
INSERT INTO metrics VALUES('loss',0.25,1700000000001,'9d0cb46a71c74fe39c3f498e85acf7c0',1,0);
INSERT INTO metrics VALUES('nan-at-last',1.0,5,'9d0cb46a71c74fe39c3f498e85acf7c0',0,0);
INSERT INTO metrics VALUES('nan-at-last',0.0,6,'9d0cb46a71c74fe39c3f498e85acf7c0',1,1);
INSERT INTO metrics VALUES('auc',0.5,1700000000000,'8ff51bc02c0347efb837b18094a82cb1',0,0);
INSERT INTO metrics VALUES('auc',0.51000000000000000888,1700000000001,'8ff51bc02c0347efb837b18094a82cb1',1,0);
INSERT INTO metrics VALUES('auc',0.52000000000000001776,1700000000002,'8ff51bc02c0347efb837b18094a82cb1',2,0);
INSERT INTO metrics VALUES('auc',0.53000000000000002664,1700000000003,'8ff51bc02c0347efb837b18094a82cb1',3,0);
INSERT INTO metrics VALUES('auc',0.54000000000000003552,1700000000004,'8ff51bc02c0347efb837b18094a82cb1',4,0);
INSERT INTO metrics VALUES('loss',0.0,1700000000000,'8ff51bc02c0347efb837b18094a82cb1',0,1);
INSERT INTO metrics VALUES('loss',0.25,1700000000001,'8ff51bc02c0347efb837b18094a82cb1',1,0);
INSERT INTO metrics VALUES('nan-at-last',1.0,5,'8ff51bc02c0347efb837b18094a82cb1',0,0);
INSERT INTO metrics VALUES('nan-at-last',0.0,6,'8ff51bc02c0347efb837b18094a82cb1',1,1);
INSERT INTO metrics VALUES('infinite',1.7976931348623156223e+308,7,'2e9770306ec749639481771c0f1e8d2d',0,0);
CREATE TABLE registered_model_aliases (
	alias VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	CONSTRAINT registered_model_alias_pk PRIMARY KEY (name, alias), 
	CONSTRAINT registered_model_alias_name_fkey FOREIGN KEY(name) REFERENCES registered_models (name) ON DELETE cascade ON UPDATE cascade
);
INSERT INTO registered_model_aliases VALUES('champion',1,'churn');
INSERT INTO registered_model_aliases VALUES('challenger',4,'churn');
CREATE TABLE datasets (
	dataset_uuid VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	digest VARCHAR(36) NOT NULL, 
	dataset_source_type VARCHAR(36) NOT NULL, 
	dataset_source TEXT NOT NULL, 
	dataset_schema TEXT, 
	dataset_profile TEXT, 
	CONSTRAINT dataset_pk PRIMARY KEY (experiment_id, name, digest), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id)
);
INSERT INTO datasets VALUES('62719218a7684c218b8f118632db82b7',1,'wine','abc123','http','{"url": "https://data.example.com/wine"}','{"columns": 4}','{}');
CREATE TABLE inputs (
	input_uuid VARCHAR(36) NOT NULL, 
	source_type VARCHAR(36) NOT NULL, 
	source_id VARCHAR(36) NOT NULL, 
	destination_type VARCHAR(36) NOT NULL, 
	destination_id VARCHAR(36) NOT NULL, 
	CONSTRAINT inputs_pk PRIMARY KEY (source_type, source_id, destination_type, destination_id)
);
INSERT INTO inputs VALUES('f1f5a8ece60045eba4ab190422b41285','DATASET','62719218a7684c218b8f118632db82b7','RUN','2e9770306ec749639481771c0f1e8d2d');
INSERT INTO inputs VALUES('20780a12217c4cbfbc010bddeb444fc4','DATASET','62719218a7684c218b8f118632db82b7','RUN','9d0cb46a71c74fe39c3f498e85acf7c0');
INSERT INTO inputs VALUES('6e4783978aa4461b931294ad2ff1655c','DATASET','62719218a7684c218b8f118632db82b7','RUN','8ff51bc02c0347efb837b18094a82cb1');
CREATE TABLE input_tags (
	input_uuid VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	value VARCHAR(500) NOT NULL, 
	CONSTRAINT input_tags_pk PRIMARY KEY (input_uuid, name)
);
INSERT INTO input_tags VALUES('f1f5a8ece60045eba4ab190422b41285','mlflow.data.context','training');
INSERT INTO input_tags VALUES('20780a12217c4cbfbc010bddeb444fc4','mlflow.data.context','training');
INSERT INTO input_tags VALUES('6e4783978aa4461b931294ad2ff1655c','mlflow.data.context','training');
CREATE TABLE IF NOT EXISTS "params" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000) NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT param_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO params VALUES('depth','0','2e9770306ec749639481771c0f1e8d2d');
INSERT INTO params VALUES('long','xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx','2e9770306ec749639481771c0f1e8d2d');
INSERT INTO params VALUES('depth','1','9d0cb46a71c74fe39c3f498e85acf7c0');
INSERT INTO params VALUES('long','xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx','9d0cb46a71c74fe39c3f498e85acf7c0');
INSERT INTO params VALUES('depth','2','8ff51bc02c0347efb837b18094a82cb1');
INSERT INTO params VALUES('long','xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx','8ff51bc02c0347efb837b18094a82cb1');
CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
CREATE INDEX index_latest_metrics_run_uuid ON latest_metrics (run_uuid);
CREATE INDEX index_tags_run_uuid ON tags (run_uuid);
CREATE INDEX index_datasets_dataset_uuid ON datasets (dataset_uuid);
CREATE INDEX index_datasets_experiment_id_dataset_source_type ON datasets (experiment_id, dataset_source_type);
CREATE INDEX index_inputs_input_uuid ON inputs (input_uuid);
CREATE INDEX index_inputs_destination_type_destination_id_source_type ON inputs (destination_type, destination_id, source_type);
CREATE INDEX index_params_run_uuid ON params (run_uuid);
COMMIT;
